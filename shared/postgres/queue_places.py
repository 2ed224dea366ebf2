"""Places in the queue of grants, in the database: counted exactly near the head, by marks further back."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_POSITION = statement("queue_position")
_LOCK = statement("lock_queue_count")
_DROP_MARKS = statement("drop_queue_marks")
_MAKE_MARKS = statement("make_queue_marks")
_DEPTHS = statement("queue_depths")


class Place(NamedTuple):
    """Where a waiting grant stands."""

    ahead: int
    """Grants before it, counted up to the limit that was asked for."""
    mark: int | None
    """Grants before the last place in front of it that the whole queue was counted for."""
    mark_time: Instant | None


class Depth(NamedTuple):
    """A provider's queue as it was when it was last counted."""

    provider: str
    grants: int
    oldest_due_time: Instant


def place_of(connection: Connection, grant_id: UUID, limit: int) -> Place | None:
    """The grant's place; None if it does not wait."""
    row = _POSITION.row(connection, grant_id, limit)
    return None if row is None else Place(*row)


def make_marks(connection: Connection, interval: int, now: Instant) -> bool:
    """Count the queue and mark every `interval`-th place, in a transaction of its own.

    False if another process is at it.
    """
    row = _LOCK.row(connection)
    if row is None or not row[0]:
        return False
    _DROP_MARKS.run(connection)
    _MAKE_MARKS.run(connection, interval, now)
    return True


def depths(connection: Connection) -> list[Depth]:
    """The queues that were not empty when they were last counted."""
    return [Depth(*row) for row in _DEPTHS.rows(connection)]
