"""Counts of players per challenge, made by a duty at intervals.

A counter that every event changed would make all events wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from operator import add

from shared.domain.catalogue import Catalogue
from shared.domain.instant import SECOND, Instant
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.stale_reads import StaleReads
from shared.postgres.statistics import challenge_reports
from shared.postgres.statistics.challenge_reports import ChallengeReport, Counted, LastCount

COUNT_INTERVAL_S = 60.0
COUNT_TIMEOUT_S = 3_600.0
STEP_TIMEOUT_S = 10.0
"""Much longer than the count of one range of players takes."""
PAUSE_FACTOR = 10
"""Pause after a count, as a multiple of its duration: at most a tenth of a core is spent on counting."""
RANGE_TALLIES = 1_000
"""Approximate number of tallies in one range of players. A range keeps a core of the database busy for a dozen
milliseconds, for which calls may have to wait."""
REST_FACTOR = 4
"""Rest after each range, as a multiple of its duration, in which calls have the core to themselves."""
REST_MAX_S = 5.0
"""A transaction that is idle for much longer would be ended by the server."""


def count_challenges(
    database: Database, catalogue: Catalogue, now: Instant, *, rest: Callable[[float], bool] = lambda _: False
) -> bool:
    """Count if that is due. Return False if it is not, if another process counts, or if `rest` ends it.

    `rest` waits for the given number of seconds, and returns True if it is time to stop. By default there is no rest.
    However many processes do this, challenges are counted once per interval, and not at all while nothing changes.
    """

    def work(holder: Connection) -> bool:
        # The counts have short transactions of their own. This one reads no table, so no migration waits for it.
        if not challenge_reports.lock(holder):
            return False
        last = database.autocommit(challenge_reports.last_count, _soon())
        if not is_due(last, catalogue.version, now):
            return False
        counted = _count(database, holder, catalogue, rest)
        if counted is None:
            return False
        challenges, took_s = counted

        def store(connection: Connection) -> None:
            challenge_reports.store(connection, challenges, now)
            challenge_reports.note_count(connection, now, catalogue.version, last.changes_by_now, int(took_s * SECOND))

        database.transact(store, _soon())
        return True

    return database.transact(work, time.monotonic() + COUNT_TIMEOUT_S)


def _soon() -> float:
    return time.monotonic() + STEP_TIMEOUT_S


def _count(
    database: Database, holder: Connection, catalogue: Catalogue, rest: Callable[[float], bool]
) -> tuple[list[Counted], float] | None:
    """Count all players range by range. Return the counts and the time taken without rests; None if stopped.

    `rest` waits for a number of seconds and returns True if the process stops meanwhile.
    """
    totals = {challenge_id: Counted(challenge_id, 0, 0, 0) for challenge_id in catalogue.challenge_by_id}
    took_s = 0.0
    after = ""

    def count_range(connection: Connection) -> tuple[str, list[Counted]]:
        last = challenge_reports.end_of_range(connection, after, RANGE_TALLIES)
        return last, challenge_reports.count(connection, catalogue.goals.values(), after, last)

    # Asking for the lock again keeps the transaction that holds it from being ended as idle.
    while challenge_reports.lock(holder):
        started = time.monotonic()
        after, counted = database.transact(count_range, _soon())
        for challenge_id, *numbers in counted:
            before = totals.get(challenge_id, Counted(challenge_id, 0, 0, 0))
            totals[challenge_id] = Counted(challenge_id, *map(add, before[1:], numbers))
        range_s = time.monotonic() - started
        took_s += range_s
        if after == challenge_reports.LAST_USER_ID:
            return list(totals.values()), took_s
        if rest(min(REST_FACTOR * range_s, REST_MAX_S)):
            break
    return None


def is_due(last: LastCount, version: str, now: Instant) -> bool:
    """Return whether challenges are due to be counted again."""
    if last.count_time is None or last.duration is None or last.catalogue_version != version:
        return True
    # Not "greater than": the server's count of changes starts at 0 after a crash.
    changed = last.changes != last.changes_by_now
    pause = max(int(COUNT_INTERVAL_S * SECOND / 2), PAUSE_FACTOR * last.duration)
    return changed and now - last.count_time >= pause


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
    return database.autocommit(challenge_reports.last_count, deadline).count_time
