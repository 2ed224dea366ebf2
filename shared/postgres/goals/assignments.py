"""Assignments in the database: players' own choices for goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.progress import Assignment
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, nullable_int_array, statement, text_array

_READ_CHOICES = statement("read_choices")
_READ_PAIRS = statement("read_assignments_of_pairs")
_READ_INITIALIZE_TIMES = statement("read_initialize_times")
_READ_INACTIVE_SINCE = statement("read_inactive_since")
_STORE = statement("store_assignment")
_STORE_ALL = statement("store_assignments")


class Choice(NamedTuple):
    """A player's choice for a goal."""

    assignment: Assignment | None
    """None if the catalogue's default holds."""
    initialize_time: Instant | None
    """When the player was initialized; None if never."""

    @property
    def active_since(self) -> Instant | None:
        """When the goal became active; None if that is unknown or it is inactive."""
        return self.initialize_time if self.assignment is None else self.assignment.active_since


def read_choices(connection: Connection, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Choice]:
    """Return the choice for each of these (player, goal) pairs."""
    if connection.on_citus:
        return _read_choices_on_nodes(connection, pairs)
    rows = _READ_CHOICES.rows(
        connection,
        text_array([user_id for user_id, _ in pairs]),
        text_array([goal_id for _, goal_id in pairs]),
    )
    chosen: dict[tuple[str, str], Assignment] = {}
    initialize_times: dict[str, Instant] = {}
    for user_id, goal_id, initialize_time, *assignment in rows:
        if goal_id is None:
            initialize_times[user_id] = initialize_time
        else:
            chosen[user_id, goal_id] = Assignment(*assignment)
    return {pair: Choice(chosen.get(pair), initialize_times.get(pair[0])) for pair in pairs}


def _read_choices_on_nodes(connection: Connection, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Choice]:
    """Do what `read_choices` does by two statements in one round trip, of which each node does its part."""
    players = _READ_INITIALIZE_TIMES.precede(connection, text_array(sorted({user_id for user_id, _ in pairs})))
    rows = _READ_PAIRS.rows(
        connection,
        text_array([user_id for user_id, _ in pairs]),
        text_array([goal_id for _, goal_id in pairs]),
    )
    initialized: dict[str, Instant] = dict(players.rows)
    chosen = {(user_id, goal_id): Assignment(*values) for user_id, goal_id, *values in rows}
    return {pair: Choice(chosen.get(pair), initialized.get(pair[0])) for pair in pairs}


def store(
    connection: Connection, user_id: str, goal_id: str, assignment: Assignment, now: Instant | None = None
) -> None:
    """Store a player's choice, made now, by the next round trip; a missing `active_since` keeps the stored one.

    What challenges count may change by it, which `shared.operations.statistics.standing_changes` notes.
    """
    _STORE.defer(connection, user_id, goal_id, *assignment, None if assignment.active else now)


def read_inactive_since(
    connection: Connection, user_id: str, goal_ids: Sequence[str]
) -> Callable[[], dict[str, Instant]]:
    """Read, by the next round trip, when those of these goals were deactivated that the player has deactivated.

    Return a function that returns it after that, as far as it is known.
    """
    execution = _READ_INACTIVE_SINCE.defer(connection, user_id, text_array(goal_ids))
    return lambda: dict(execution.rows)


def store_all(connection: Connection, user_id: str, chosen: Mapping[str, Assignment], now: Instant) -> None:
    """Store a player's choices by goal id, all made now, by the next round trip.

    A missing `active_since` keeps the stored one. What challenges count may change, as by `store`.
    """
    goal_ids = sorted(chosen)
    values = [chosen[goal_id] for goal_id in goal_ids]
    _STORE_ALL.defer(
        connection,
        user_id,
        text_array(goal_ids),
        "{" + ",".join("t" if value.active else "f" for value in values) + "}",
        nullable_int_array([value.active_since for value in values]),
        int_array([value.frozen_progress for value in values]),
        nullable_int_array([value.frozen_period_start for value in values]),
        nullable_int_array([value.baseline for value in values]),
        now,
    )
