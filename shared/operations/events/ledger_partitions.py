"""The duty that maintains the ledger's partitions."""

from __future__ import annotations

from shared.domain.instant import Instant, day_of
from shared.postgres.database import Database
from shared.postgres.events import ledger_partitions

KEEP_INTERVAL_S = 600.0
PASS_DEADLINE_S = 5.0

DAYS_AHEAD = 3
"""Days for which partitions are made ahead. All handlers may be down for this long before an event has no partition."""


def keep_ledger_partitions(
    database: Database, horizon: Instant, now: Instant, deadline: float, *, may_drop: bool = True
) -> int:
    """Create partitions ahead and drop an old one; return how many days are caught by the default partition.

    `horizon` is the accepted age of events in microseconds. A day is due when its last event was too old a day ago. It
    is dropped if it is due by the database's clock, too, and by the horizons of all handlers; one day at most.
    """
    first, last = day_of(now - horizon) - 1, day_of(now) + DAYS_AHEAD
    database.transact(
        lambda connection: ledger_partitions.keep_partitions(connection, first, last, may_drop=may_drop), deadline
    )
    return database.autocommit(ledger_partitions.days_without_partition, deadline)
