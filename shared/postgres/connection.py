"""A connection that gives up at a deadline, and reads instants as integers."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import psycopg
from psycopg import abc
from psycopg.abc import Buffer, PQGen
from psycopg.adapt import Loader, Transformer
from psycopg.errors import _WaitTimeout, error_from_result
from psycopg.generators import execute as receive
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from shared.domain.instant import SECOND, Instant

_T = TypeVar("_T")

_WAIT_INTERVAL_S = 0.1
"""How often a wait looks up to see signals."""

_POSTGRES_EPOCH: Instant = 946_684_800 * SECOND
"""2000-01-01, from which Postgres counts in its binary format."""

_unpack = struct.Struct(">q").unpack


class AnswerTimeout(psycopg.OperationalError):
    """The server did not answer by the deadline. The connection is closed: an answer may still be on its way."""


class InstantLoader(Loader):
    """Loads a binary timestamptz as an `Instant`. Infinite timestamps are stored nowhere."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Instant:
        """Microseconds since 1970."""
        return int(_unpack(data)[0]) + _POSTGRES_EPOCH


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """In autocommit; every wait for the server ends at `deadline`.

    `run_prepared` and `run_script` are what the system uses, straight through libpq: for a read by primary key
    psycopg's cursors take twice the CPU, and they forget all prepared statements at every ROLLBACK.
    """

    deadline: float | None = None
    """Monotonic seconds; None waits as long as it takes. Whoever borrows the connection sets it."""

    took: Callable[[str, float], None] = staticmethod(lambda _statement, _seconds: None)
    """Told each statement's name, and its seconds until its rows were there."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._loaders: dict[bytes, abc.Transformer | None] = {}
        """By statement that is prepared: what its columns are loaded with, as of its first result. Postgres refuses to
        execute a statement whose columns would be others than when it was prepared."""
        self.adapters.register_loader("timestamptz", InstantLoader)

    def run_prepared(self, name: bytes, text: bytes, parameters: Iterable[object]) -> list[tuple[Any, ...]]:
        """Execute a statement that is prepared at its first use here, and fetch all rows.

        Parameters are text, integers, booleans, bytes, UUIDs or None; Postgres infers their types from the statement.
        """
        if name not in self._loaders:
            self.pgconn.send_prepare(name, text)
            self._results()
            self._loaders[name] = None
        self.pgconn.send_query_prepared(name, [_encoded(value) for value in parameters], None, Format.BINARY)
        (result,) = self._results()
        loader = self._loaders[name]
        if loader is None:
            loader = self._loaders[name] = Transformer(self)
            loader.set_pgresult(result)
        else:
            loader.set_pgresult(result, set_loaders=False)
        rows = loader.load_rows(0, result.ntuples, tuple)
        result.clear()
        return rows

    def run_script(self, text: bytes) -> list[PGresult]:
        """Execute statements without parameters in one round trip; a result for each."""
        self.pgconn.send_query(text)
        return self._results()

    def wait(self, gen: PQGen[_T], interval: float = _WAIT_INTERVAL_S, timeout: float | None = None) -> _T:
        """Wait for the server; `AnswerTimeout` at the deadline."""
        if self.deadline is not None:
            remaining = max(0.0, self.deadline - time.monotonic())
            timeout = remaining if timeout is None else min(timeout, remaining)
        try:
            return super().wait(gen, interval, timeout)
        except _WaitTimeout as error:
            self.pgconn.finish()
            raise AnswerTimeout("the database did not answer in time") from error

    def _results(self) -> list[PGresult]:
        results: list[PGresult] = self.wait(receive(self.pgconn))
        for result in results:
            if result.status not in _GOOD:
                raise _error(result)
        return results


def _error(result: PGresult) -> psycopg.Error:
    """The server's error, without the detail: that is whole rows, and players' ids belong into no log but at DEBUG."""
    error = error_from_result(result)
    error.args = (error.diag.message_primary,)
    return error


_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


def _encoded(value: object) -> bytes | None:
    """A parameter in Postgres' text format."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    return str(value).encode()


SESSION_OPTIONS = {
    # A plan is made once per connection, not once per call: planning the merge costs more than running it for one row.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    # What is acknowledged is durable, whatever the server's default is.
    "synchronous_commit": "on",
    # Whoever gives up at a deadline closes the connection. The server looks for that also while a statement runs or
    # waits for a lock, and ends it: a statement outlives its deadline by this at most, and under overload the server
    # does not go on working for callers who have left.
    "client_connection_check_interval": "500ms",
    # For what that does not reach: a network in which the end of a connection gets lost.
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
}


def connect_arguments(connect_timeout_s: int, application_name: str) -> dict[str, Any]:
    """Keyword arguments of `Connection.connect` besides the address."""
    return {
        "autocommit": True,
        "cursor_factory": psycopg.RawCursor,
        "connect_timeout": connect_timeout_s,
        "application_name": application_name,
        "options": " ".join(f"-c {name}={value}" for name, value in SESSION_OPTIONS.items()),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
