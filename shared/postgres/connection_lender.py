"""Connections of a pool, lent until a deadline."""

from __future__ import annotations

import time

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded, Overloaded
from shared.postgres.connection import Connection
from shared.postgres.database_telemetry import DatabaseTelemetry
from shared.postgres.replication import require
from shared.postgres.session_options import connect_arguments
from shared.postgres.silence import Silence
from shared.postgres.statement_canceller import StatementCanceller

CONNECT_TIMEOUT_S = 3
POOL_WAIT_MAX_S = 2.0
"""Longest wait for a connection in seconds: longer than any healthy queue, shorter than a caller's patience."""
RECONNECT_MAX_S = 2.0
"""Longest pause in seconds between the pool's attempts to connect: a recovered server is used again within this."""
CLOSE_S = 1.0
"""Time limit in seconds for closing the pool. A thread of it that waits for a silent server is left behind."""
POOL_THREADS = 3
"""Threads of the pool that connect. All of them may be waiting for a silent server when the pool is closed."""
REMAINING_MIN_S = 0.002
"""Least remaining time in seconds to start a statement: a round trip takes longer, and an abandoned statement must be
cancelled."""
NO_PRIMARY = "no server of the address accepts writes"
_READ_ONLY = "session is read-only"
"""Text by which libpq refuses a standby, for which it has no code."""


class _NewestFirst(ConnectionPool[Connection]):
    """A pool that lends the connection that was given back last: its session's memory is still in the caches.

    Lent in turn, each of many sessions would begin every call with cold caches.
    """

    def _get_ready_connection(self, timeout: float | None) -> Connection | None:
        # The pool lends the leftmost one, and puts what is given back to the right.
        self._pool.rotate()
        return super()._get_ready_connection(timeout)


class ConnectionLender:
    """A pool of connections, each of which serves one caller at a time."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int,
        application_name: str,
        telemetry: DatabaseTelemetry | None,
        synchronous: bool,
        kept: int | None = None,
    ) -> None:
        """Take a libpq URL. If `synchronous`, each COMMIT waits for a synchronous standby.

        `kept` connections are opened at once, the others when they are needed; None for all.
        """
        self.works = False
        """The last work on a connection has shown that the server responds. `Database` sets it."""
        self.problem: str | None = None
        """The reason of the server, or of a pooler before it, for the last refused connection or lost statement."""
        self._synchronous = synchronous
        self._silence = Silence()
        self._telemetry = telemetry
        self._pool = _NewestFirst(
            url,
            connection_class=Connection,
            kwargs={**connect_arguments(url, CONNECT_TIMEOUT_S, application_name), "failed": self._connect_failed},
            configure=self._configure,
            min_size=pool_size if kept is None else kept,
            max_size=pool_size,
            open=False,
            name=application_name,
            reconnect_timeout=RECONNECT_MAX_S,
            num_workers=POOL_THREADS,
        )
        self._canceller = StatementCanceller(self._pool.putconn, self._settled)
        if telemetry is not None:
            telemetry.add_pool_metrics(application_name, self._pool.get_stats)

    def open(self) -> None:
        """Start connecting in the background, and return at once."""
        self._pool.open(wait=False)
        self._canceller.start()

    def begin_stop(self, calls_end_s: float) -> None:
        """End waits for a silent server from now on, and lend no connection to it; `calls_end_s` as for `Silence`."""
        self._silence.begin_stop(calls_end_s)

    def close(self) -> None:
        """Close all connections, within `CLOSE_S` and the time that abandoned statements take."""
        self._canceller.close()
        # The pool waits this long for each of its threads, one after the other; one more is its scheduler.
        self._pool.close(timeout=CLOSE_S / (POOL_THREADS + 1))

    def borrow(self, deadline: float) -> Connection:
        """Return a connection that gives up at the deadline, in monotonic seconds; hand it to `give_back`.

        Raise `DeadlineExceeded` if less than `REMAINING_MIN_S` is left, `Overloaded` if none becomes free in time, and
        `DatabaseUnavailable` if there are none.
        """
        remaining_s = deadline - time.monotonic()
        if remaining_s < REMAINING_MIN_S:
            raise DeadlineExceeded("no time is left to call the database")
        if self._silence.detected:
            raise DatabaseUnavailable
        try:
            connection = self._pool.getconn(timeout=min(POOL_WAIT_MAX_S, remaining_s))
        except PoolTimeout as error:
            # The pool keeps the error that it gave this caller until it can lend a connection again. Its traceback
            # would keep the callers' frames alive, and with them everything that they were about to store.
            if error.__context__ is not None:
                error.__context__.__traceback__ = None
            # If all connections are lost, no wait for the server detects its silence.
            self._silence.detect(0.0)
            raise self._nothing_to_lend() from error
        connection.deadline = deadline
        connection.warned = False
        return connection

    def give_back(self, connection: Connection) -> None:
        """Take a connection back. One with an abandoned statement is lent again once that has ended."""
        connection.deadline = None
        connection.forget_waiting()
        if connection.unsettled:
            self._canceller.add(connection)
        else:
            self._pool.putconn(connection)

    def _nothing_to_lend(self) -> ChallengeError:
        if self.works:
            return Overloaded("all database connections are in use")
        return DatabaseUnavailable()

    def _connect_failed(self, error: psycopg.Error) -> None:
        # The text before it is libpq's: that it could not connect, and where.
        said = str(error).partition("FATAL:")[2].strip()
        self.problem = said.partition("\n")[0] or (NO_PRIMARY if _READ_ONLY in str(error) else None)

    def _settled(self, kept: bool) -> None:
        if self._telemetry is not None:
            self._telemetry.abandoned(kept)

    def _configure(self, connection: Connection) -> None:
        self.problem = None
        connection.silence = self._silence
        if self._synchronous:
            require(connection)
        if self._telemetry is not None:
            connection.took = self._telemetry.took
