"""The periods of leaderboards: opened ahead, and made final once no event can change them."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.domain.instant import HOUR, SECOND, Instant, Microseconds
from shared.domain.rotation import periods_from
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards import leaderboard_periods
from shared.postgres.leaderboards.leaderboard_periods import LeaderboardPeriod
from shared.postgres.long_work import LongWork

MAINTAIN_INTERVAL_S = 60.0
MAINTAIN_TIMEOUT_S = 5.0
"""Time limit of opening and retiring periods."""
FINISH_TIMEOUT_S = 300.0
"""Time limit of making one period final. A leaderboard of a million players takes some 20 seconds."""

FINAL_MARGIN: Microseconds = HOUR
"""Time between the last accepted event of a period and its final ranking: far longer than an event waits for its
commit, and than the clocks of handlers differ."""
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


def finish_leaderboard_periods(work: LongWork, horizon: Microseconds, now: Instant) -> int:
    """Make ended periods final, each in its own transaction, and return how many.

    A period is due when its last event was too old an hour ago: by `now` and by the database's clock, and by the
    horizons of all handlers. Return 0 while another process does this.
    """
    finished = 0
    while work.transact(lambda connection: _finish_next(connection, horizon, now)):
        finished += 1
    return finished


def _finish_next(connection: Connection, horizon: Microseconds, now: Instant) -> bool:
    """Make the period final that ended first. Return False if there is none, or if another process does this."""
    if not leaderboard_periods.lock_periods(connection):
        return False
    period = leaderboard_periods.next_to_end(connection, now, horizon, FINAL_MARGIN)
    if period is None:
        return False
    leaderboard_periods.finish(connection, *period, now)
    return True
