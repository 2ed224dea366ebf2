"""Places in the queue of grants, in the database: counted exactly near the head, by marks further back."""

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
    """The last place in front of a waiting grant that the whole queue was counted for."""

    place: int
    """Grants before it then; -1 where nothing was counted."""
    count_time: Instant


class Depth(NamedTuple):
    """A provider's queue as it was when it was last counted."""

    provider: str
    grants: int
    oldest_due_time: Instant


def last_mark(connection: Connection, grant_id: UUID) -> Mark | None:
    """The mark in front of the grant; None if it does not wait."""
    row = _LAST_MARK.row(connection, grant_id)
    if row is None:
        return None
    return Mark(-1, 0) if row[0] is None else Mark(*row)


def count_ahead(connection: Connection, grant_id: UUID, limit: int) -> int:
    """How many grants stand before this one, counted up to `limit`."""
    row = _COUNT_AHEAD.row(connection, grant_id, limit)
    return 0 if row is None else int(row[0])


def make_marks(connection: Connection, interval: int, now: Instant, since: Instant) -> bool:
    """Count the queue and mark every `interval`-th place, in a transaction of its own.

    False if another process is at it, or has done it since `since`.
    """
    row = _LOCK.row(connection, since)
    if row is None or not row[0]:
        return False
    _DROP_MARKS.rows(connection)
    _MAKE_MARKS.rows(connection, interval, now)
    return True


def depths(connection: Connection) -> list[Depth]:
    """The queues that were not empty when they were last counted."""
    return [Depth(*row) for row in _DEPTHS.rows(connection)]
