"""The history of settled grants: their way out of the outbox, and the end of old quarters."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import Instant, Microseconds
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_LOCK = statement("lock_grant_moves")
_LAST_INSTANT = statement("last_instant_to_move")
_QUARTERS = statement("quarters_without_partition")
_MAKE_PARTITION = statement("make_settled_grant_partition")
_MOVE = statement("move_settled_grants")
_LEFT = statement("grants_left_to_move")
_LIMIT_DROP_WAIT = statement("limit_drop_wait")
_DROP = statement("drop_settled_grants")


class Left(NamedTuple):
    """Grants that should have been moved."""

    grants: int
    """Counted up to a limit."""
    oldest_settle_time: Instant | None


def lock(connection: Connection) -> bool:
    """Return whether this transaction is the one that moves grants."""
    return bool(_LOCK.value(connection))


def last_instant(connection: Connection, now: Instant, kept: Microseconds) -> Instant | None:
    """Return the instant before which grants were settled that move; None if none may move yet."""
    row = _LAST_INSTANT.row(connection, now, kept)
    return None if row is None else row[0]


def missing_quarters(connection: Connection, before: Instant, count: int) -> list[Instant]:
    """Return an instant of each quarter without a partition to which the next `count` grants move."""
    return [instant for (instant,) in _QUARTERS.rows(connection, before, count)]


def make_partition(connection: Connection, instant: Instant) -> None:
    """Make the partition of the quarter of an instant, if it is missing."""
    _MAKE_PARTITION.rows(connection, instant)


def move(connection: Connection, before: Instant, count: int) -> int:
    """Move at most `count` grants that were settled before an instant, the oldest first, and return their number."""
    return int(_MOVE.value(connection, before, count))


def left(connection: Connection, before: Instant, count: int) -> Left:
    """Return the grants that were settled before an instant and are in the outbox, counted up to `count`."""
    return Left(*_LEFT.only_row(connection, before, count))


def drop_old(connection: Connection, now: Instant, kept: Microseconds) -> int:
    """Drop the quarters that ended longer ago than `kept`, at least 400 days, and return their number.

    Drop none while another process moves or drops grants. Give up after half a second if something else uses the
    history: claims wait behind this.
    """
    if not lock(connection):
        return 0
    _LIMIT_DROP_WAIT.precede(connection)
    return int(_DROP.value(connection, now, kept))
