"""A connection on which every wait for the server ends at a deadline."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.generators import execute
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.waiting import Ready

from shared.postgres.pipeline import COPYING, pipeline_results
from shared.postgres.silence import Silence

_T = TypeVar("_T")

_WAIT_INTERVAL_S = 0.1
"""Interval in seconds at which a wait checks for signals and for a silent server."""

_READABLE = int(Ready.R)


class ResponseTimeout(psycopg.OperationalError):
    """The server did not respond by the deadline. The connection is closed or unsettled: the response may arrive."""


class ServerSilent(psycopg.OperationalError):
    """The process stops, and the server sends nothing."""


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection of psycopg whose waits end at `deadline`."""

    deadline: float | None = None
    """Deadline in monotonic seconds; None waits forever. Whoever borrows the connection sets it."""

    unsettled = False
    """A statement was abandoned at its deadline, and the server may still execute it: `StatementCanceller` ends it."""

    silence = Silence()
    """Ends waits early when the process stops. The pool's connections share one; this one never does."""

    _cancellable = True
    """True if a statement may be cancelled. If not, the connection is closed when a wait for it ends early."""

    _socket: select.poll | None = None
    """Waits until the server has sent something."""

    @classmethod
    def connect(  # type: ignore[override]  # the keywords of the original pass through
        cls, conninfo: str = "", *, failed: Callable[[psycopg.Error], None] | None = None, **kwargs: Any
    ) -> Self:
        """Connect as psycopg does. `failed` is called with the error, which the pool only writes to the log."""
        try:
            return super().connect(conninfo, **kwargs)
        except psycopg.Error as error:
            if failed is not None:
                failed(error)
            raise

    def receive_results(self) -> list[PGresult]:
        """Return the results of the statement that was sent. Raise what `wait` raises."""
        pgconn = self.pgconn
        results: list[PGresult] = []
        if self._responds_at_once():
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    return results
                results.append(result)
                if result.status in COPYING:
                    return results
        rest: list[PGresult] = self.wait(execute(pgconn))
        return results + rest

    def receive_pipeline(self) -> list[PGresult]:
        """Return the results of the statements of a pipeline that was sent, and leave pipeline mode.

        After an error the server skips the other statements: their results have the status PIPELINE_ABORTED. A
        statement that copies is the last one, and the connection stays in pipeline mode. Raise what `wait` raises.
        """
        pgconn = self.pgconn
        results: list[PGresult] = []
        if self._responds_at_once():
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    # The end of a statement's results, or of the connection, which would be returned for ever.
                    if pgconn.status != ConnStatus.OK:
                        break
                    continue
                if result.status == ExecStatus.PIPELINE_SYNC:
                    pgconn.exit_pipeline_mode()
                    return results
                results.append(result)
                if result.status in COPYING:
                    return results
        return self.wait(pipeline_results(pgconn, results))

    def _responds_at_once(self) -> bool:
        """Return whether the server has responded within one interval of a wait. If not, `wait` must go on waiting.

        It nearly always does, and receiving takes half of the CPU then of psycopg's generator and the loop around it.
        """
        pgconn = self.pgconn
        if self.deadline is not None and self.deadline - time.monotonic() <= _WAIT_INTERVAL_S:
            return False
        # Ctrl-C interrupts the main thread, and psycopg's loop then cancels the statement.
        if threading.current_thread() is threading.main_thread() or pgconn.flush():
            return False
        if self._socket is None:
            self._socket = select.poll()
            self._socket.register(pgconn.socket, select.POLLIN)
        if not self._socket.poll(_WAIT_INTERVAL_S * 1_000):
            return False
        pgconn.consume_input()
        self.silence.heard_at = time.monotonic()
        return True

    def wait(self, gen: PQGen[_T], interval: float = _WAIT_INTERVAL_S, timeout: float | None = None) -> _T:
        """Wait for the server. Raise `ResponseTimeout` at the deadline, `ServerSilent` if it is silent at a stop."""
        if self.deadline is not None:
            remaining = max(0.0, self.deadline - time.monotonic())
            timeout = remaining if timeout is None else min(timeout, remaining)
        ends = None if timeout is None else time.monotonic() + timeout
        try:
            # Listening takes 3 µs of CPU, a tenth of what a read by primary key takes here.
            return super().wait(self._listening(gen) if self.silence.must_listen(timeout) else gen, interval, timeout)
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
            raise ResponseTimeout("the database did not respond in time") from error

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
