"""Transactions that read whole leaderboards: they take longer than any call may, but end when the process stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psycopg

from shared.domain.errors import DatabaseUnavailable
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.silence import SILENT_S
from shared.postgres.statements import statement

_T = TypeVar("_T")

_ALLOW = statement("allow_long_statements")
CANCEL_TIMEOUT_S = 1.0
CANCEL_PAUSE_S = 0.05
STOP_S = SILENT_S + 2 * CANCEL_TIMEOUT_S
"""Longest duration of `stop` in seconds. A silent server cancels nothing, and its silence is noticed after a while."""


class LongWork:
    """Long transactions of one thread that another thread can cancel."""

    def __init__(self, database: Database, seconds: float) -> None:
        """Limit each transaction to `seconds`."""
        self._database = database
        self._seconds = seconds
        self._lock = threading.Lock()
        self._running: Connection | None = None
        self._stopped = False

    def transact(self, work: Callable[[Connection], _T]) -> _T | None:
        """Do work in a transaction as `Database.transact` does; return None if it was stopped and changed nothing."""
        deadline = time.monotonic() + self._seconds
        try:
            return self._database.transact(lambda connection: self._watched(connection, work), deadline)
        except (DatabaseUnavailable, _Stopped):
            if self._stopped:
                return None
            raise

    def stop(self) -> None:
        """Cancel the running transaction, wait until it has ended, and start no other."""
        self._stopped = True
        while self._cancel():
            # Between two statements there is nothing to cancel, so cancel again.
            time.sleep(CANCEL_PAUSE_S)

    def _cancel(self) -> bool:
        """Cancel the running statement; return False if there is no transaction."""
        with self._lock:
            if self._running is None:
                return False
            # A server that does not respond, or a connection that was just lost: the transaction ends without it.
            with suppress(psycopg.Error):
                self._running.cancel_safe(timeout=CANCEL_TIMEOUT_S)
            return True

    def _watched(self, connection: Connection, work: Callable[[Connection], _T]) -> _T:
        """Do the work in such a way that another thread can cancel it."""
        self._running = connection
        try:
            if self._stopped:
                raise _Stopped
            _ALLOW.rows(connection, f"{self._seconds:.0f}s")
            return work(connection)
        finally:
            # Under the lock: once the connection is lent to others, their work must not be cancelled.
            with self._lock:
                self._running = None


class _Stopped(Exception):
    """The work was not started."""
