"""The ledger's partitions, one for each day: made ahead, and dropped when no event of the day is accepted any more."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import Day
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_LOCK = statement("lock_partition_duty")
_LIMIT_LOCK_WAIT = statement("limit_lock_wait")
_MAKE = statement("make_ledger_partitions")
_DROP = statement("drop_ledger_partitions")
_WITHOUT_PARTITION = statement("days_without_partition")


class PartitionChanges(NamedTuple):
    """What was made and dropped, in days."""

    made: int
    dropped: int


def keep_partitions(connection: Connection, first: Day, last: Day) -> PartitionChanges | None:
    """Make what is missing from `first` to `last`, and drop what lies before. In a transaction of its own.

    None if another process is at it.
    """
    if not _value(_LOCK.row(connection)):
        return None
    _LIMIT_LOCK_WAIT.row(connection)
    return PartitionChanges(_value(_MAKE.row(connection, first, last)), _value(_DROP.row(connection, first)))


def days_without_partition(connection: Connection) -> int:
    """How many days' events lie in the default partition, where dropping a day is not free."""
    return _value(_WITHOUT_PARTITION.row(connection))


def _value(row: tuple[int, ...] | None) -> int:
    return row[0] if row is not None else 0
