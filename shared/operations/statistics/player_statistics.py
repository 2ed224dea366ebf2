"""Reads of a player's statistics."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.instant import Day, Instant, day_of
from shared.domain.statistics import (
    RECENT_DAYS,
    PlayerStatistics,
    TrendDay,
    goals_under_way,
    login_statistics,
    trend,
)
from shared.postgres.database import Database
from shared.postgres.statistics import player_statistics


def read_player_statistics(
    database: Database, catalogue: Catalogue, user_id: str, now: Instant, deadline: float
) -> PlayerStatistics:
    """Return a player's statistics, in one round trip. All are 0 for a new player.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    today, current = day_of(now), current_periods(catalogue, now)
    stored = database.autocommit(
        lambda connection: player_statistics.read(connection, user_id, today - RECENT_DAYS + 1, today, current),
        deadline,
    )
    return PlayerStatistics(
        stored.standings,
        stored.view.tallies,
        login_statistics(stored.login_days, today),
        stored.completed_recently,
        goals_under_way(catalogue, stored.view),
    )


def player_trend(database: Database, user_id: str, first: Day, last: Day, deadline: float) -> Sequence[TrendDay]:
    """Return what a player reached on each of these days. Raise as `read_player_statistics` does."""
    reached = database.autocommit(
        lambda connection: player_statistics.read_trend(connection, user_id, first, last), deadline
    )
    return trend(first, last, reached)
