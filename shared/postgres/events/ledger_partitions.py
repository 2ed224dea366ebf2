"""Daily partitions of the ledger: created ahead, and dropped when no event of the day is accepted any more."""

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
    """Numbers of partitions created and dropped."""

    made: int
    dropped: int


def keep_partitions(connection: Connection, first: Day, last: Day) -> PartitionChanges | None:
    """Create the missing partitions from `first` to `last`, and drop earlier ones, in a transaction of its own.

    Return what changed; None if another process does this at the moment.
    """
    if not _LOCK.value(connection):
        return None
    _LIMIT_LOCK_WAIT.value(connection)
    return PartitionChanges(_MAKE.value(connection, first, last), _DROP.value(connection, first))


def days_without_partition(connection: Connection) -> int:
    """Return the number of days in the default partition, where dropping a day is not free."""
    return int(_WITHOUT_PARTITION.value(connection))
