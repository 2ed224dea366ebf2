"""The duty that maintains the ledger's partitions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from shared.domain.instant import Instant, Microseconds, day_of
from shared.postgres.database import Database
from shared.postgres.events import ledger, ledger_partitions
from shared.runtime.clock import Clock

KEEP_INTERVAL_S = 600.0
PASS_DEADLINE_S = 5.0

DAYS_AHEAD = 3
"""Days for which partitions are made ahead. All handlers may be down for this long before an event has no partition."""


class LedgerPartitions:
    """The duty of a process: create partitions ahead, drop old ones, and count the days that lie in the default one."""

    def __init__(
        self, database: Database, horizon: Callable[[], int], clock: Clock, may_drop: Callable[[], bool] = lambda: True
    ) -> None:
        """`horizon` returns the accepted age of events in microseconds, `may_drop` whether a day may be dropped now."""
        self._database = database
        self._horizon = horizon
        self._clock = clock
        self._may_drop = may_drop
        self.days_without_partition = math.nan
        """As last counted; not a number before the first count and after one that failed."""

    def one_pass(self) -> None:
        """Create and drop what is due, and count."""
        deadline = time.monotonic() + PASS_DEADLINE_S
        try:
            keep_ledger_partitions(self._database, self._horizon(), self._clock(), deadline, may_drop=self._may_drop())
        finally:
            # Partitions that cannot be created are what the number is for.
            self.days_without_partition = math.nan
            self.days_without_partition = self._database.autocommit(ledger_partitions.days_without_partition, deadline)


def keep_ledger_partitions(
    database: Database, horizon: Microseconds, now: Instant, deadline: float, *, may_drop: bool = True
) -> None:
    """Create partitions ahead, drop an old one, and forget erased players of whom no event is accepted any more.

    `horizon` is the accepted age of events in microseconds. A day is due when its last event was too old a day ago. It
    is dropped if it is due by the database's clock, too, and by the horizons of all handlers; one day at most.
    """
    first, last = day_of(now - horizon) - 1, day_of(now) + DAYS_AHEAD
    # A day that cannot be dropped, because a view uses it or a dump reads it, must not keep others from being created.
    database.transact(lambda connection: ledger_partitions.keep_partitions(connection, first, last), deadline)
    if may_drop:
        database.transact(
            lambda connection: ledger_partitions.keep_partitions(connection, first, last, may_drop=True), deadline
        )
        database.autocommit(ledger_partitions.delete_strays, deadline)
        database.autocommit(lambda connection: ledger.forget_tombstones(connection, now), deadline)
