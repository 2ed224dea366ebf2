"""Counts of players per challenge, made by a duty from the players that changed.

A counter that every event changed would make all events wait for each other. So transactions note whose counts they may
have changed, and the duty counts these players again (`shared.operations.player_sweep`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.instant import SECOND, Instant, Microseconds
from shared.operations.player_sweep import PlayerRange, PlayerSweep, SweepWork
from shared.operations.step_size import StepSize
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.player_sweeps import CHALLENGE_COUNT
from shared.postgres.stale_reads import StaleReads
from shared.postgres.statistics import challenge_reports
from shared.postgres.statistics.challenge_reports import LAST_USER_ID, ChallengeReport
from shared.runtime.clock import Clock

COUNT_INTERVAL_S = 60.0
RANGE_TALLIES = 1_000
"""Approximate number of tallies in one range of players. A range keeps a core of the database busy for some dozen
milliseconds, for which calls may have to wait."""


class ChallengeCount:
    """The duty of one process."""

    def __init__(
        self, database: Database, owner: str, clock: Clock, rest: Callable[[float], bool] = lambda _: False
    ) -> None:
        """`owner` names the process. `rest` waits for seconds, and returns True if it is time to stop."""
        self._clock = clock
        interval: Microseconds = int(COUNT_INTERVAL_S * SECOND / 2)
        self.sweep = PlayerSweep(database, CHALLENGE_COUNT, owner, clock, rest, interval)

    def one_pass(self, catalogue: Catalogue) -> bool:
        """Count the players that changed, and all of them for another catalogue. Return whether reports changed.

        Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
        """
        return self.sweep.one_pass(catalogue.version, count_work(catalogue, self._clock))


def count_work(catalogue: Catalogue, clock: Clock) -> SweepWork:
    """Return what the duty does with players."""
    goals = list(catalogue.goals.values())

    def count(connection: Connection, user_ids: Sequence[str]) -> None:
        challenge_reports.count(connection, goals, user_ids)

    def publish(connection: Connection) -> None:
        challenge_reports.publish(connection, catalogue.challenge_by_id, catalogue.version, clock())

    return SweepWork(count, _range_after, publish)


def _range_after(connection: Connection, after: str, size: StepSize) -> PlayerRange:
    end = challenge_reports.end_of_range(connection, after, size.of(RANGE_TALLIES))
    players = challenge_reports.players_of_range(connection, after, end)
    return PlayerRange(players, None if end == LAST_USER_ID else end)


def read_challenge_reports(
    database: Database | StaleReads, challenge_ids: Sequence[str], deadline: float
) -> Sequence[ChallengeReport]:
    """Return the last counts of these challenges, in the given order.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    found = database.autocommit(lambda connection: challenge_reports.read(connection, challenge_ids), deadline)
    by_id = {report.challenge_id: report for report in found}
    return [by_id.get(asked) or ChallengeReport(asked, 0, 0, 0, None) for asked in challenge_ids]


def last_count_time(database: Database, deadline: float) -> Instant | None:
    """Return when any process last counted challenges; None if never."""
    return database.autocommit(challenge_reports.last_count, deadline)
