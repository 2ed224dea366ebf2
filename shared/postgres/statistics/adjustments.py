"""Points adjustments by operators, in the database."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_INSERT = statement("insert_adjustment")
_FIND = statement("find_adjustment")
_LIST = statement("list_adjustments")


class NotedAdjustment(NamedTuple):
    """An adjustment with its operator and reason."""

    time: Instant
    points: int
    operator: str
    """The name that the operator gave."""
    reason: str
    database_role: str | None = None
    """The role that the operator logged in as, noted by the database; None in old entries."""
    imported_by: str | None = None
    """The operator who imported it from another system, where `operator` acted; None if it was made here."""


def insert(connection: Connection, user_id: str, adjustment_id: UUID, adjustment: NotedAdjustment) -> None:
    """Store an adjustment."""
    _INSERT.rows(
        connection,
        user_id,
        adjustment_id,
        adjustment.time,
        adjustment.points,
        adjustment.operator,
        adjustment.reason,
    )


def is_stored(connection: Connection, user_id: str, adjustment_id: UUID) -> bool:
    """Return whether the adjustment is stored."""
    return _FIND.row(connection, user_id, adjustment_id) is not None


def newest(connection: Connection, user_id: str, count: int) -> list[NotedAdjustment]:
    """Return at most `count` of a player's adjustments, the newest first."""
    return list(map(NotedAdjustment._make, _LIST.rows(connection, user_id, count)))
