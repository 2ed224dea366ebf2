"""Positions in the delivery queue in the database: exact near its head, estimated from marks further back."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_LAST_MARK = statement("last_queue_mark")
_COUNT_AHEAD = statement("count_queue_ahead")
_LOCK = statement("lock_queue_count")
_DROP_MARKS = statement("drop_queue_marks")
_MAKE_MARKS = statement("make_queue_marks")
_DEPTHS = statement("queue_depths")


class Mark(NamedTuple):
    """The last counted position at or before a waiting grant."""

    place: int
    """Number of grants ahead of it at that time; -1 if nothing was counted."""
    count_time: Instant


class Depth(NamedTuple):
    """Length of a provider's queue when it was last counted."""

    provider: str
    grants: int
    oldest_due_time: Instant


def last_mark(connection: Connection, grant_id: UUID) -> Mark | None:
    """Return the mark at or before a grant; None if the grant does not wait."""
    row = _LAST_MARK.row(connection, grant_id)
    if row is None:
        return None
    return Mark(-1, 0) if row[0] is None else Mark(*row)


def count_ahead(connection: Connection, grant_id: UUID, limit: int) -> int:
    """Return the number of grants ahead of this one, counted up to `limit`."""
    return int(_COUNT_AHEAD.value(connection, grant_id, limit))


def make_marks(connection: Connection, interval: int, now: Instant, since: Instant) -> bool:
    """Count the queue and mark every `interval`-th position, in a transaction of its own.

    Return False if another process is counting, or has counted since `since`.
    """
    if not _LOCK.value(connection, since):
        return False
    _DROP_MARKS.rows(connection)
    _MAKE_MARKS.rows(connection, interval, now)
    return True


def depths(connection: Connection) -> list[Depth]:
    """Return the queues that were not empty when they were last counted."""
    return [Depth(*row) for row in _DEPTHS.rows(connection)]
