"""The periods of leaderboards: opened ahead, and made final when no event can change them any more."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.domain.instant import HOUR, SECOND, Instant
from shared.domain.periods import periods_from
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards import leaderboard_periods
from shared.postgres.leaderboards.leaderboard_periods import LeaderboardPeriod
from shared.postgres.long_work import LongWork

MAINTAIN_INTERVAL_S = 60.0
MAINTAIN_TIMEOUT_S = 5.0
"""For opening periods, and all else but making one final."""
FINISH_TIMEOUT_S = 300.0
"""For one period: a board of a million players takes some 20 seconds."""

FINAL_MARGIN: Instant = HOUR
"""How long after its last event was accepted a period is final: far longer than an event waits for its commit, and than
clocks of handlers differ."""
WANT_INTERVAL: Instant = 600 * SECOND
"""How often it is noted that a board is in use."""
RETIRE_AFTER: Instant = HOUR
"""How long a board is ranked that no process wants any more: longer than any change of catalogues lasts."""


def open_periods(connection: Connection, catalogue: Catalogue, first: Instant, now: Instant) -> int:
    """Open the periods of all boards from the one that `first` lies in to the one after the current one.

    Answers how many were not open before. Scores of a period without a row are on no board.
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
    """Note that this process ranks the boards of its catalogue.

    Each process speaks for itself, and none says that a board is *not* wanted: while a catalogue is being replaced,
    some processes have a board and others have not, and it is ranked as long as any of them has it.
    """
    if catalogue.leaderboards:
        board_ids = sorted(catalogue.leaderboard_by_id)
        database.autocommit(
            lambda connection: leaderboard_periods.want(connection, board_ids, now, now - WANT_INTERVAL), deadline
        )


def maintain_leaderboard_periods(
    database: Database, catalogue: Catalogue, horizon: Instant, now: Instant, deadline: float
) -> None:
    """Open periods ahead, and rank no more what nobody wants.

    `horizon` is the accepted age of events in microseconds: every period in which one may still be accepted is open.
    """
    note_leaderboards_in_use(database, catalogue, now, deadline)
    database.autocommit(lambda connection: open_periods(connection, catalogue, now - horizon, now), deadline)
    database.autocommit(lambda connection: leaderboard_periods.retire(connection, now - RETIRE_AFTER), deadline)


def finish_leaderboard_periods(work: LongWork, horizon: Instant, now: Instant) -> int:
    """Make final what is over for good, each period in a transaction of its own; answers how many.

    None where another process is at it.
    """
    finished = 0
    while work.transact(lambda connection: _finish_next(connection, now - horizon - FINAL_MARGIN, now)):
        finished += 1
    return finished


def _finish_next(connection: Connection, ended_by: Instant, now: Instant) -> bool:
    """Make the period final that ended longest ago; False if there is none, or another process is at it."""
    if not leaderboard_periods.lock_periods(connection):
        return False
    period = leaderboard_periods.next_to_end(connection, ended_by)
    if period is None:
        return False
    leaderboard_periods.finish(connection, *period, now)
    return True
