"""Reports on challenges across all players, in the database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from shared.domain.goal import Goal
from shared.domain.instant import Instant
from shared.domain.tally import JUDGED_BY
from shared.postgres.connection import Connection
from shared.postgres.statements import statement, text_array

_LAST = statement("last_challenge_count")
_DROP = statement("drop_challenge_reports")
_END_OF_RANGE = statement("end_of_range")
_PLAYERS_OF_RANGE = statement("players_of_range")
_LOCK_COUNTED = statement("lock_counted_players")
_NUMBER = statement("number_challenges")
_COUNT = statement("count_players")
_STORE = statement("store_challenge_reports")
_NOTE = statement("note_challenge_count")
_READ = statement("read_challenge_reports")

_MEASURES = ("sum", "events", "highest", "days")
"""The measures as the statements name them, in the order of `Measures`."""

LAST_USER_ID = "\U0010ffff" * 129
"""Text that sorts after every valid player id."""


class ChallengeReport(NamedTuple):
    """Counts of a challenge across all players when it was last counted."""

    challenge_id: str
    started: int
    """Players who made progress with one of its goals while it was active, or completed one."""
    completed: int
    """Pairs of a player and a goal that the player has completed, however often."""
    claimed: int
    """Pairs of a player and a goal of which the player has claimed a reward."""
    report_time: Instant | None
    """None if it was never counted."""


def last_count(connection: Connection) -> Instant | None:
    """Return when challenges were last counted; None if never."""
    row = _LAST.row(connection)
    return None if row is None else int(row[0])


def end_of_range(connection: Connection, after: str, tallies: int) -> str:
    """Return the last player of a range that begins after this player and has about `tallies` tallies."""
    row = _END_OF_RANGE.row(connection, after, tallies)
    return LAST_USER_ID if row is None else str(row[0])


def players_of_range(connection: Connection, after: str, last: str) -> list[str]:
    """Return the players of a range of whom anything counts, or did before."""
    return [user_id for (user_id,) in _PLAYERS_OF_RANGE.rows(connection, after, last)]


def count(connection: Connection, goals: Iterable[Goal], user_ids: Sequence[str]) -> None:
    """Update what these players count for, in the challenges of these goals and all others with completions."""
    defined = list(goals)
    players = text_array(user_ids)
    _LOCK_COUNTED.rows(connection, players)
    _NUMBER.rows(connection, players, text_array(sorted({goal.challenge_id for goal in defined})))
    repeats = text_array([str(goal.steps > 1) for goal in defined])
    _COUNT.rows(connection, players, *goal_columns(defined), repeats)


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


def publish(connection: Connection, challenge_ids: Collection[str], version: str, now: Instant) -> None:
    """Replace the reports by the figures as they are: those of these challenges of a catalogue and of all others."""
    _DROP.rows(connection)
    _STORE.rows(connection, text_array(sorted(challenge_ids)), now)
    _NOTE.rows(connection, now, version)


def read(connection: Connection, challenge_ids: Collection[str] | None) -> list[ChallengeReport]:
    """Return the reports on these challenges, or on all that ever were, in the order of their ids."""
    asked = None if challenge_ids is None else text_array(list(challenge_ids))
    return [ChallengeReport(*row) for row in _READ.rows(connection, asked)]
