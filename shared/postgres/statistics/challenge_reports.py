"""Reports on challenges across all players, in the database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from shared.domain.goal import Goal
from shared.domain.instant import Instant, Microseconds
from shared.domain.tally import JUDGED_BY
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array

_LOCK = statement("lock_challenge_count")
_LAST = statement("last_challenge_count")
_ENLARGE_MEMORY = statement("enlarge_count_memory")
_DROP = statement("drop_challenge_reports")
_END_OF_RANGE = statement("end_of_range")
_COUNT = statement("count_challenges")
_STORE = statement("store_challenge_reports")
_NOTE = statement("note_challenge_count")
_READ = statement("read_challenge_reports")

_MEASURES = ("sum", "events", "highest", "days")
"""The measures as the statements name them, in the order of `Measures`."""

LAST_USER_ID = "\U0010ffff" * 129
"""Text that sorts after every valid player id."""


class Counted(NamedTuple):
    """Counts of a challenge among some players."""

    challenge_id: str
    started: int
    """Players who made progress with one of its goals while it was active, or completed one."""
    completed: int
    """Pairs of a player and a goal that the player has completed, however often."""
    claimed: int


class ChallengeReport(NamedTuple):
    """Counts of a challenge across all players when it was last counted."""

    challenge_id: str
    started: int
    completed: int
    claimed: int
    report_time: Instant | None
    """None if it was never counted."""


class LastCount(NamedTuple):
    """The last count of challenges, and the changes since."""

    count_time: Instant | None
    """None if challenges were never counted. Then the next three are None, too."""
    catalogue_version: str | None
    changes: int | None
    """Number of changes of the counted tables that Postgres had recorded by then."""
    duration: Microseconds | None
    changes_by_now: int


def lock(connection: Connection) -> bool:
    """Lock the count for this transaction; return False if another process is counting."""
    return bool(_LOCK.value(connection))


def last_count(connection: Connection) -> LastCount:
    """Return the last count of challenges, and the number of changes by now."""
    return LastCount(*_LAST.only_row(connection))


def end_of_range(connection: Connection, after: str, tallies: int) -> str:
    """Return the last player of a range that begins after this player and has about `tallies` tallies."""
    row = _END_OF_RANGE.row(connection, after, tallies)
    return LAST_USER_ID if row is None else str(row[0])


def count(connection: Connection, goals: Iterable[Goal], after: str, last: str) -> list[Counted]:
    """Count, in a range of players, the challenges of these goals and all others with completions."""
    _ENLARGE_MEMORY.value(connection)
    defined = list(goals)
    repeats = text_array([str(goal.steps > 1) for goal in defined])
    return [Counted(*row) for row in _COUNT.rows(connection, after, last, *goal_columns(defined), repeats)]


def goal_columns(goals: Sequence[Goal]) -> tuple[str, ...]:
    """Return arrays of what tells who has started a challenge.

    They are challenges, ids, sources and codes of stats, schedules, measures, and whether goals are active by default.
    """
    return (
        text_array([goal.challenge_id for goal in goals]),
        text_array([goal.id for goal in goals]),
        text_array([goal.stat.source for goal in goals]),
        text_array([goal.stat.code for goal in goals]),
        text_array([goal.schedule.text for goal in goals]),
        # The judged measure never falls: a started challenge stays started.
        text_array([_MEASURES[JUDGED_BY[goal.counting]] for goal in goals]),
        text_array([str(goal.default_assigned) for goal in goals]),
    )


def store(connection: Connection, counted: Sequence[Counted], now: Instant) -> None:
    """Replace the reports by these counts."""
    _DROP.rows(connection)
    _STORE.rows(
        connection,
        text_array([each.challenge_id for each in counted]),
        int_array([each.started for each in counted]),
        int_array([each.completed for each in counted]),
        int_array([each.claimed for each in counted]),
        now,
    )


def note_count(connection: Connection, now: Instant, version: str, changes: int, duration: Microseconds) -> None:
    """Record that challenges were counted; `changes` is the number before the count began."""
    _NOTE.rows(connection, now, version, changes, duration)


def read(connection: Connection, challenge_ids: Collection[str] | None) -> list[ChallengeReport]:
    """Return the reports on these challenges, or on all that ever were, in the order of their ids."""
    asked = None if challenge_ids is None else text_array(list(challenge_ids))
    return [ChallengeReport(*row) for row in _READ.rows(connection, asked)]
