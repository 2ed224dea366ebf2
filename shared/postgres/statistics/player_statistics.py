"""Stored data that players' statistics are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.domain.current_periods import NO_PERIODS, CurrentPeriods
from shared.domain.instant import DAY, Day
from shared.domain.player_view import Completion, PlayerView
from shared.domain.standings import Scope, Standing
from shared.domain.statistics import TrendDay
from shared.domain.streaks import Stretch
from shared.postgres.connection import Connection
from shared.postgres.events.tallies import stretches_of
from shared.postgres.goals import player_streaks
from shared.postgres.goals.player_tallies import period_tallies_of, tallies_of
from shared.postgres.goals.player_zones import zones_of
from shared.postgres.goals.players import assignments_of, completion_ranges, pool_ranges, selected_of, tally_ranges
from shared.postgres.statements import filled, statement
from shared.postgres.statistics.standings import SCOPE_KINDS

_READ = statement("read_player_statistics")
_READ_TREND = statement("read_player_trend")


class StoredStatistics(NamedTuple):
    """A player's stored data as of one instant."""

    view: PlayerView
    """Everything that decides which goals are under way. Completions have no times, and of a goal that repeats only the
    first is known."""
    login_days: Sequence[Stretch]
    standings: Mapping[Scope, Standing]
    """Standings of the lifetime."""
    completed_recently: int
    """Completions from the first to the last requested day."""


def read(
    connection: Connection, user_id: str, first: Day, last: Day, current: CurrentPeriods = NO_PERIODS
) -> StoredStatistics:
    """Return what a player's statistics are computed from, in one round trip.

    That is the lifetime, the `current` periods, and the number of completions from day `first` to day `last`.
    """
    ranges = (*tally_ranges(current), *completion_ranges(current), *pool_ranges(current))
    streaks = player_streaks.read_later(connection, user_id, current)
    *columns, time_zone, zone_times, zone_names = _READ.only_row(connection, user_id, first * DAY, last * DAY, *ranges)
    row: Sequence[Any] = columns
    zones = zones_of(time_zone, zone_times, zone_names)
    periods = current.of_player(zones)
    in_periods = zip(*filled(row[33:35]), strict=True)
    completed = [*(row[14] or ()), *(goal_id for goal_id, start in in_periods if periods.starts.get(goal_id) == start)]
    view = PlayerView(
        tallies_of(*filled(row[:7])),
        assignments_of(*filled(row[8:13]), baselines=row[13] or ()),
        dict.fromkeys(completed, Completion(None)),
        period_tallies_of(periods, *filled(row[24:33])),
        periods.periods,
        zones=zones,
        selected=selected_of(periods, user_id, zones, row[35:]),
        streaks=streaks(),
    )
    return StoredStatistics(view, stretches_of(row[7] or ""), _standings(*filled(row[15:23])), row[23])


def _standings(kinds: Sequence[str], ids: Sequence[str], *columns: Sequence[Any]) -> dict[Scope, Standing]:
    scopes = [Scope(SCOPE_KINDS[kind], scope_id) for kind, scope_id in zip(kinds, ids, strict=True)]
    return dict(zip(scopes, map(Standing, *columns), strict=True))


def read_trend(connection: Connection, user_id: str, first: Day, last: Day) -> list[TrendDay]:
    """Return what a player reached on each of these days that has a standing, in no order."""
    rows = _READ_TREND.rows(connection, user_id, first * DAY, last * DAY)
    return [TrendDay(start // DAY, *numbers) for start, *numbers in rows]
