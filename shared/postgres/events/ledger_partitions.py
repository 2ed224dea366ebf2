"""Daily partitions of the ledger: created ahead, and dropped when no event of the day is accepted any more."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import Day
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_LOCK = statement("lock_partition_duty")
_LIMIT_LOCK_WAIT = statement("limit_lock_wait")
_MAKE = statement("make_ledger_partitions")
_DROP = statement("drop_oldest_ledger_day")
_DELETE_STRAYS = statement("delete_strays")
_WITHOUT_PARTITION = statement("days_without_partition")


class PartitionChanges(NamedTuple):
    """Numbers of partitions created and dropped."""

    made: int
    dropped: int


def keep_partitions(
    connection: Connection, first: Day, last: Day, *, may_drop: bool = False
) -> PartitionChanges | None:
    """Create the missing partitions from `first` to `last`, and drop an earlier one, in a transaction of its own.

    With `may_drop` a day is dropped, if the database agrees that it is due: by its clock and by the horizons of all
    handlers.

    Return what changed; None if another process does this at the moment.
    """
    if not _LOCK.value(connection):
        return None
    _LIMIT_LOCK_WAIT.value(connection)
    made = _MAKE.value(connection, first, last)
    return PartitionChanges(made, _DROP.value(connection, first) if may_drop else 0)


def delete_strays(connection: Connection) -> None:
    """Delete rows of the default partition whose days the ledger no longer holds, as dropping a day would have done."""
    _DELETE_STRAYS.rows(connection)


def days_without_partition(connection: Connection) -> int:
    """Return the number of days in the default partition, where dropping a day is not free."""
    return int(_WITHOUT_PARTITION.value(connection))
