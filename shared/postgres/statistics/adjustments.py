"""Points that operators gave or took, in the database."""

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
    """An adjustment, and who did it why."""

    time: Instant
    points: int
    operator: str
    reason: str


def insert(connection: Connection, user_id: str, adjustment_id: UUID, adjustment: NotedAdjustment) -> None:
    """Note an adjustment."""
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
    """Whether the adjustment is noted."""
    return _FIND.row(connection, user_id, adjustment_id) is not None


def newest(connection: Connection, user_id: str, count: int) -> list[NotedAdjustment]:
    """At most `count` of a player's adjustments, the newest first."""
    return list(map(NotedAdjustment._make, _LIST.rows(connection, user_id, count)))
