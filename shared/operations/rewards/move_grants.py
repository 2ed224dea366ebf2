"""The duty that moves settled grants out of the outbox into the history, and drops old quarters of that.

The outbox is the queue of deliveries, and has what was settled lately. A grant moves in one transaction, so every
statement over both tables sees it once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial

from shared.domain.instant import SECOND, Instant, Microseconds
from shared.operations.player_ranges import REST_FACTOR, REST_MAX_S
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.rewards import grant_history

MOVE_INTERVAL_S = 60.0
MOVE_PASS_TIMEOUT_S = 24 * 3_600.0
MOVE_STEP_TIMEOUT_S = 10.0
STEP_GRANTS = 1_000
COUNTED_MAX = 100_000
"""Grants that are left are counted up to this number, which takes 20 ms."""
COUNT_INTERVAL_S = 60.0
"""Interval in seconds at which they are counted in a pass that lasts longer."""
DROP_INTERVAL_S = 600.0
"""Interval in seconds at which a process tries to drop old quarters. Claims may wait behind an attempt for half a
second if something else, such as a dump, reads the history."""


class GrantMoves:
    """The duty of a process. However many processes have it, one moves grants at a time."""

    def __init__(
        self,
        database: Database,
        kept: Microseconds,
        retention: Microseconds,
        rest: Callable[[float], bool],
        on_moved: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Grants move when they were settled longer ago than `kept`, and are dropped after `retention`; 0: never.

        `rest` waits for the given number of seconds, and returns True if it is time to stop. `on_moved` is called with
        the number of grants of each step.
        """
        self._database = database
        self._kept = kept
        self._retention = retention
        self._rest = rest
        self._on_moved = on_moved
        self._counted = self._last_drop = -math.inf
        self.left = math.nan
        """Grants that should have been moved, as last counted up to `COUNTED_MAX`; not a number if that failed."""
        self.behind_s = math.nan
        """For how many seconds the oldest of them should have been moved."""

    def one_pass(self, now: Instant) -> int:
        """Move what is due, drop quarters of the history that are too old, and return the number of moved grants.

        Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
        """
        moved = 0
        if self._kept:
            try:
                moved = self._database.transact(
                    lambda holder: self._move_all(holder, now), time.monotonic() + MOVE_PASS_TIMEOUT_S
                )
            finally:
                # Grants that cannot be moved are what the number is for.
                self._count(now)
        if self._retention and time.monotonic() >= self._last_drop + DROP_INTERVAL_S:
            self._last_drop = time.monotonic()
            self._database.transact(
                lambda connection: grant_history.drop_old(connection, now, self._retention),
                time.monotonic() + MOVE_STEP_TIMEOUT_S,
            )
        return moved

    def _move_all(self, holder: Connection, now: Instant) -> int:
        # The steps have transactions of their own. This one holds the lock, and dies with its process. It reads no
        # table, so not even a migration waits for it.
        moved = 0
        while grant_history.lock(holder):
            before = self._database.autocommit(
                lambda connection: grant_history.last_instant(connection, now, self._kept),
                time.monotonic() + MOVE_STEP_TIMEOUT_S,
            )
            if before is None:
                break
            started = time.monotonic()
            step = self._step(before)
            moved += step
            self._on_moved(step)
            if time.monotonic() >= self._counted + COUNT_INTERVAL_S:
                self._count(now)
            if step < STEP_GRANTS or self._rest(min(REST_FACTOR * (time.monotonic() - started), REST_MAX_S)):
                break
        return moved

    def _step(self, before: Instant) -> int:
        deadline = time.monotonic() + MOVE_STEP_TIMEOUT_S
        # Some of the first grants may be locked, and others move instead of them.
        for quarter in self._database.autocommit(
            lambda connection: grant_history.missing_quarters(connection, before, 2 * STEP_GRANTS), deadline
        ):
            self._database.transact(partial(grant_history.make_partition, instant=quarter), deadline)
        return self._database.transact(lambda connection: grant_history.move(connection, before, STEP_GRANTS), deadline)

    def _count(self, now: Instant) -> None:
        """Count the grants that are due to be moved, up to `COUNTED_MAX`, and find how late the oldest is.

        Both are NaN if the database does not tell.
        """

        def count(connection: Connection) -> grant_history.Left:
            before = grant_history.last_instant(connection, now, self._kept)
            if before is None:
                return grant_history.Left(0, None)
            return grant_history.left(connection, before, COUNTED_MAX)

        self.left = self.behind_s = math.nan
        left = self._database.autocommit(count, time.monotonic() + MOVE_STEP_TIMEOUT_S)
        self._counted = time.monotonic()
        self.left = left.grants
        oldest = left.oldest_settle_time
        self.behind_s = 0.0 if oldest is None else max(0.0, (now - self._kept - oldest) / SECOND)
