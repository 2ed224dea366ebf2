"""How challenges do across all players, in the database."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from shared.domain.catalogue import Counting, Goal
from shared.domain.instant import Instant
from shared.postgres.arrays import text_array
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_LOCK = statement("lock_challenge_count")
_LAST = statement("last_challenge_count")
_ENLARGE_MEMORY = statement("enlarge_count_memory")
_DROP = statement("drop_challenge_reports")
_MAKE = statement("make_challenge_reports")
_NOTE = statement("note_challenge_count")
_READ = statement("read_challenge_reports")


class ChallengeReport(NamedTuple):
    """How a challenge did when it was last counted."""

    challenge_id: str
    started: int
    """Players who have made progress with one of its goals while it was active, or completed one."""
    completed: int
    claimed: int
    report_time: Instant | None
    """None if it was never counted."""


class LastCount(NamedTuple):
    """The last time that challenges were counted, and what has happened since."""

    count_time: Instant | None
    """None: never; and then so are the next three."""
    catalogue_version: str | None
    changes: int | None
    """Of rows that count, as Postgres had counted them by then."""
    duration: Instant | None
    changes_by_now: int


def lock(connection: Connection) -> bool:
    """Whether this transaction is the one that counts; False if another process is at it."""
    row = _LOCK.row(connection)
    return row is not None and bool(row[0])


def last_count(connection: Connection) -> LastCount:
    """The last time that challenges were counted."""
    row = _LAST.row(connection)
    if row is None:
        raise LookupError("last_challenge_count answers one row")
    return LastCount(*row)


def make(connection: Connection, goals: Iterable[Goal], now: Instant) -> None:
    """Count the challenges of these goals anew, and those that the catalogue has no more."""
    every = list(goals)
    _ENLARGE_MEMORY.row(connection)
    _DROP.rows(connection)
    _MAKE.rows(
        connection,
        text_array([goal.challenge_id for goal in every]),
        text_array([goal.id for goal in every]),
        text_array([goal.stat.source for goal in every]),
        text_array([goal.stat.code for goal in every]),
        # What is judged never falls: who has begun has begun for good.
        text_array([Counting.HIGHEST if goal.counting is Counting.LATEST else goal.counting for goal in every]),
        text_array([str(goal.default_assigned) for goal in every]),
        now,
    )


def note_count(connection: Connection, now: Instant, version: str, changes: int, duration: Instant) -> None:
    """Note that challenges were counted; `changes` are those before the count began."""
    _NOTE.rows(connection, now, version, changes, duration)


def read(connection: Connection, challenge_ids: Collection[str] | None) -> list[ChallengeReport]:
    """What was last counted of these challenges, in the order of their ids; None: of all that ever were."""
    asked = None if challenge_ids is None else text_array(list(challenge_ids))
    return [ChallengeReport(*row) for row in _READ.rows(connection, asked)]
