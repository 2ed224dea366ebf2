"""A connection that stops waiting at a deadline and reads instants as integers."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar

import psycopg
from psycopg import abc
from psycopg.abc import Buffer, PQGen
from psycopg.adapt import Loader, Transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute as receive
from psycopg.pq import ConnStatus, ExecStatus, Format, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.waiting import Ready

from shared.domain.instant import SECOND, Instant
from shared.postgres.pipeline import pipeline_results
from shared.postgres.silence import Silence

_T = TypeVar("_T")

_WAIT_INTERVAL_S = 0.1
"""Interval in seconds at which a wait checks for signals and for a silent server."""

_READABLE = int(Ready.R)

_BEGIN = b"begin", b"BEGIN ISOLATION LEVEL READ COMMITTED"
_TRANSACTION_ID = b"transaction_id", b"SELECT pg_current_xact_id()"

_POSTGRES_EPOCH: Instant = 946_684_800 * SECOND
"""2000-01-01, the epoch of Postgres' binary format."""

_unpack = struct.Struct(">q").unpack


class AnswerTimeout(psycopg.OperationalError):
    """The server did not answer by the deadline. The connection is closed or unsettled: an answer may still arrive."""


class ServerSilent(psycopg.OperationalError):
    """The process stops, and the server answers nothing."""


class InstantLoader(Loader):
    """Loader of a binary timestamptz as an `Instant`. Infinite timestamps are never stored."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Instant:
        """Return microseconds since 1970."""
        return int(_unpack(data)[0]) + _POSTGRES_EPOCH


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection in autocommit mode on which every wait for the server ends at `deadline`.

    The system uses `run_prepared` and `run_script`, which call libpq directly: for a read by primary key psycopg's
    cursors take twice the CPU, and they forget all prepared statements at every ROLLBACK.
    """

    deadline: float | None = None
    """Deadline in monotonic seconds; None waits forever. Whoever borrows the connection sets it."""

    unsettled = False
    """A statement was abandoned at its deadline, and the server may still be executing it: `settle` ends it."""

    silence = Silence()
    """Ends waits early when the process stops. The pool's connections share one; this one never does."""

    took: Callable[[str, float], None] = staticmethod(lambda _statement, _seconds: None)
    """Callback for each statement's name and its seconds until its rows had arrived."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._cancellable = True
        self._begins = False
        self.transaction_id: int | None = None
        """The id of the latest transaction; None before its first statement."""
        self._loaders: dict[bytes, abc.Transformer | None] = {}
        """Loaders of each prepared statement's columns, as of its first result. Postgres refuses to execute a statement
        whose columns have changed since it was prepared."""
        self.adapters.register_loader("timestamptz", InstantLoader)

    @classmethod
    def connect(  # type: ignore[override]  # the keywords of the original pass through
        cls, conninfo: str = "", *, failed: Callable[[psycopg.Error], None] | None = None, **kwargs: Any
    ) -> Self:
        """Connect as psycopg does. `failed` hears of the error, which the pool only writes to the log."""
        try:
            return super().connect(conninfo, **kwargs)
        except psycopg.Error as error:
            if failed is not None:
                failed(error)
            raise

    def run_prepared(self, name: bytes, text: bytes, parameters: Iterable[object]) -> list[tuple[Any, ...]]:
        """Execute a statement, preparing it at its first use, and return all rows.

        Parameters are text, integers, booleans, bytes, UUIDs or None; Postgres infers their types from the statement.
        """
        self._prepare(name, text)
        encoded = [_encoded(value) for value in parameters]
        if self._begins:
            result = self._begin_with(name, encoded)
        else:
            self.pgconn.send_query_prepared(name, encoded, None, Format.BINARY)
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

    def begin(self) -> None:
        """Begin a READ COMMITTED transaction in the round trip of its first statement."""
        self._begins = True
        self.transaction_id = None

    def leave_transaction(self) -> None:
        """Roll back if a transaction has begun."""
        self._begins = False
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            self.run_script(b"ROLLBACK")

    def _prepare(self, name: bytes, text: bytes) -> None:
        """Prepare a statement unless it is."""
        if name not in self._loaders:
            self.pgconn.send_prepare(name, text)
            # Abandoned, it would leave open whether the server knows the statement.
            self._results(cancellable=False)
            self._loaders[name] = None

    def _begin_with(self, name: bytes, parameters: Sequence[Buffer | None]) -> PGresult:
        """Begin, ask for the transaction's id, and execute a prepared statement, all in one round trip."""
        self._prepare(*_BEGIN)
        self._prepare(*_TRANSACTION_ID)
        self._begins = False
        self.pgconn.enter_pipeline_mode()
        self.pgconn.send_query_prepared(_BEGIN[0], None)
        self.pgconn.send_query_prepared(_TRANSACTION_ID[0], None)
        self.pgconn.send_query_prepared(name, parameters, None, Format.BINARY)
        self.pgconn.pipeline_sync()
        self._cancellable = True
        _, transaction_id, result = _checked(self.wait(pipeline_results(self.pgconn)))
        self.transaction_id = int(transaction_id.get_value(0, 0) or 0)
        return result

    def _begin_alone(self) -> None:
        """Begin before a statement that is not prepared."""
        self._begins = False
        _, result = self.run_script(b"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_current_xact_id()")
        self.transaction_id = int(result.get_value(0, 0) or 0)

    def cursor(self, *arguments: Any, **keywords: Any) -> Any:
        """Return a cursor of psycopg, whose statements belong to a transaction that has begun."""
        if self._begins:
            self._begin_alone()
        return super().cursor(*arguments, **keywords)

    def run_script(self, text: bytes, *, cancellable: bool = True) -> list[PGresult]:
        """Execute statements without parameters in one round trip, and return a result for each.

        If a statement that is not cancellable is abandoned, the connection is closed and the server finishes it.
        """
        if self._begins:
            self._begin_alone()
        self.pgconn.send_query(text)
        return self._results(cancellable=cancellable)

    def settle(self, deadline: float) -> bool:
        """Cancel the abandoned statement and roll back, and return True; close the connection if that fails in time.

        Afterwards the cancel request has taken effect and cannot hit a later statement.
        """
        try:
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise AnswerTimeout("no time is left to cancel")
            self.deadline = deadline
            self.cancel_safe(timeout=remaining_s)
            is_pipeline = self.pgconn.pipeline_status != PipelineStatus.OFF
            self.wait(pipeline_results(self.pgconn) if is_pipeline else receive(self.pgconn))
            self._come_to_rest()
        except psycopg.Error:
            self.pgconn.finish()
            return False
        except BaseException:
            self.pgconn.finish()
            raise
        finally:
            self.deadline, self.unsettled = None, False
        return True

    def _come_to_rest(self) -> None:
        """Make a round trip, and leave the transaction.

        The server has signalled the cancellation before it confirmed it. A signal that came after the statement had
        ended is spent on this round trip at the latest.
        """
        for _ in range(2):
            idle = self.pgconn.transaction_status == TransactionStatus.IDLE
            with suppress(psycopg.errors.QueryCanceled):
                if idle:
                    self.run_script(b"SELECT 1", cancellable=False)
                else:
                    self.run_script(b"ROLLBACK", cancellable=False)
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            raise psycopg.OperationalError("the transaction could not be rolled back")

    def wait(self, gen: PQGen[_T], interval: float = _WAIT_INTERVAL_S, timeout: float | None = None) -> _T:
        """Wait for the server. Raise `AnswerTimeout` at the deadline, and `ServerSilent` if it is silent at a stop."""
        if self.deadline is not None:
            remaining = max(0.0, self.deadline - time.monotonic())
            timeout = remaining if timeout is None else min(timeout, remaining)
        ends = None if timeout is None else time.monotonic() + timeout
        try:
            # Listening takes 3 µs of CPU, a tenth of what a read by primary key takes here.
            return super().wait(self._listening(gen) if self.silence.matters(timeout) else gen, interval, timeout)
        except psycopg.OperationalError as error:
            # psycopg has no public error for its own timeout. A connection lost this late counts as a timeout, too.
            late = error.sqlstate is None and ends is not None and time.monotonic() >= ends
            silent = isinstance(error, ServerSilent)
            if not late and not silent:
                raise
            if self._cancellable and self.pgconn.status == ConnStatus.OK:
                self.unsettled = True
            else:
                self.pgconn.finish()
            if silent:
                raise
            raise AnswerTimeout("the database did not respond in time") from error

    def _listening(self, gen: PQGen[_T]) -> PQGen[_T]:
        """Run a generator of psycopg, and note when the server is heard. It is resumed at every interval, too."""
        started = time.monotonic()
        silence = self.silence
        try:
            awaited = next(gen)
            while True:
                ready = yield awaited
                if ready & _READABLE:
                    silence.heard_at = time.monotonic()
                elif not ready and silence.detect(started):
                    raise ServerSilent("the database is silent, and the process stops")
                awaited = gen.send(ready)
        except StopIteration as end:
            result: _T = end.value
            return result

    def _results(self, *, cancellable: bool = True) -> list[PGresult]:
        self._cancellable = cancellable
        return _checked(self.wait(receive(self.pgconn)))


def _checked(results: list[PGresult]) -> list[PGresult]:
    """Return the results. Raise the error of the first statement that failed."""
    for result in results:
        if result.status not in _GOOD:
            raise _error(result)
    return results


def _error(result: PGresult) -> psycopg.Error:
    """Return the server's error without its detail: whole rows with player ids, which are logged only at DEBUG."""
    error = error_from_result(result)
    error.args = (error.diag.message_primary,)
    return error


_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


def _encoded(value: object) -> bytes | None:
    """Return a parameter in Postgres' text format."""
    if value is None:
        return None
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    return str(value).encode()
