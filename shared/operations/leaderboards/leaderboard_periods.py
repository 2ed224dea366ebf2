"""The periods of leaderboards, opened ahead."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.domain.instant import HOUR, SECOND, Instant, Microseconds
from shared.domain.rotation import periods_from
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards import leaderboard_periods
from shared.postgres.leaderboards.leaderboard_periods import LeaderboardPeriod

MAINTAIN_INTERVAL_S = 60.0
MAINTAIN_TIMEOUT_S = 5.0
"""Time limit of opening and retiring periods."""
IN_USE_NOTE_INTERVAL: Microseconds = 600 * SECOND
"""Interval at which a leaderboard in use is noted again."""
RETIRE_AFTER: Microseconds = HOUR
"""Time for which an unused leaderboard is still ranked: longer than any rollout of a catalogue takes."""


def open_periods(connection: Connection, catalogue: Catalogue, first: Instant, now: Instant) -> int:
    """Open the periods of all leaderboards from the one that contains `first` to the one after the current one.

    Return how many were not open before. Scores in a period without a row are not ranked.
    """
    if not catalogue.leaderboards:
        return 0
    periods = [
        LeaderboardPeriod(board.id, period.start, period.end)
        for board in catalogue.leaderboards
        for period in periods_from(board.schedule, first, now)
    ]
    return leaderboard_periods.open_periods(connection, periods)


def note_leaderboards_in_use(database: Database, catalogue: Catalogue, now: Instant, deadline: float) -> None:
    """Note that this process uses the leaderboards of its catalogue.

    No process notes that a leaderboard is *not* used: while a catalogue is being replaced, some processes have a
    leaderboard and others do not, and it is ranked as long as any of them has it.
    """
    if catalogue.leaderboards:
        board_ids = sorted(catalogue.leaderboard_by_id)
        database.autocommit(
            lambda connection: leaderboard_periods.want(connection, board_ids, now, now - IN_USE_NOTE_INTERVAL),
            deadline,
        )


def maintain_leaderboard_periods(
    database: Database, catalogue: Catalogue, horizon: Microseconds, now: Instant, deadline: float
) -> None:
    """Open periods ahead, and retire leaderboards that no process uses.

    `horizon` is the accepted age of events in microseconds. Every period that can still receive an event is open.
    """
    note_leaderboards_in_use(database, catalogue, now, deadline)
    database.autocommit(lambda connection: open_periods(connection, catalogue, now - horizon, now), deadline)
    database.autocommit(lambda connection: leaderboard_periods.retire(connection, now - RETIRE_AFTER), deadline)
