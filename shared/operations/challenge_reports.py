"""How challenges do across all players: counted now and then by a duty, because a counter that every event would change
would be what all of them wait for.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.instant import SECOND, Instant
from shared.postgres import reports
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.reports import ChallengeReport, LastCount

COUNT_INTERVAL_S = 60.0
COUNT_S = 28.0
"""As long as a statement may take."""
PAUSE_FACTOR = 10
"""After a count there is none for so many times what it took: at most a tenth of a core goes into counting."""


def count_challenges(database: Database, catalogue: Catalogue, now: Instant) -> bool:
    """The duty: count, if that is due; False if it is not, or another process is at it.

    However many processes do this, challenges are counted once in an interval, and not at all while nothing changes.
    """

    def work(connection: Connection) -> bool:
        if not reports.lock(connection):
            return False
        last = reports.last_count(connection)
        if not is_due(last, catalogue.version, now):
            return False
        started = time.monotonic()
        reports.make(connection, catalogue.goals.values(), now)
        duration = int((time.monotonic() - started) * SECOND)
        reports.note_count(connection, now, catalogue.version, last.changes_by_now, duration)
        return True

    return database.transact(work, time.monotonic() + COUNT_S)


def is_due(last: LastCount, version: str, now: Instant) -> bool:
    """Whether challenges are to be counted again."""
    if last.count_time is None or last.duration is None or last.catalogue_version != version:
        return True
    # Not "more than": the server may have crashed since, and begun to count its changes anew.
    changed = last.changes != last.changes_by_now
    pause = max(int(COUNT_INTERVAL_S * SECOND / 2), PAUSE_FACTOR * last.duration)
    return changed and now - last.count_time >= pause


def challenge_reports(database: Database, challenge_ids: Sequence[str], deadline: float) -> Sequence[ChallengeReport]:
    """How these challenges did when they were last counted, in the given order.

    Raises `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    found = database.autocommit(lambda connection: reports.read(connection, challenge_ids), deadline)
    by_id = {report.challenge_id: report for report in found}
    return [by_id.get(asked) or ChallengeReport(asked, 0, 0, 0, None) for asked in challenge_ids]


def last_count_time(database: Database, deadline: float) -> Instant | None:
    """When challenges were last counted, by whichever process; None if never."""
    return database.autocommit(reports.last_count, deadline).count_time
