"""Players' own choices for goals, in the database."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.progress import Assignment
from shared.postgres.arrays import text_array
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_READ_PAIRS = statement("read_assignments_of_goals")
_STORE = statement("store_assignment")


def read_choices(connection: Connection, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Assignment]:
    """The choices for these (player, goal) pairs, where the player has chosen."""
    rows = _READ_PAIRS.rows(
        connection,
        text_array([user_id for user_id, _ in pairs]),
        text_array([goal_id for _, goal_id in pairs]),
    )
    return {(user_id, goal_id): Assignment(*choice) for user_id, goal_id, *choice in rows}


def store(connection: Connection, user_id: str, goal_id: str, assignment: Assignment) -> None:
    """Store a player's choice; a missing `active_since` keeps the stored one."""
    _STORE.rows(connection, user_id, goal_id, assignment.active, assignment.active_since, assignment.frozen_progress)
