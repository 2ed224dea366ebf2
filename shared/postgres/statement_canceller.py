"""Ends abandoned statements, so that their connections can be lent again.

A caller that gives up at its deadline leaves a busy connection. Throwing it away costs a new one, with its login
and all its prepared statements; cancelling costs a round trip. A caller whose deadline has passed cannot wait even for
that, so a thread of its own does it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

import psycopg
from psycopg.generators import execute as receive
from psycopg.pq import PipelineStatus, TransactionStatus

from shared.postgres.bounded_waits import ResponseTimeout
from shared.postgres.connection import Connection
from shared.postgres.pipeline import pipeline_results

log = logging.getLogger(__name__)

SETTLE_S = 0.5
"""Time limit in seconds from abandoning a statement to its end. A server that does not respond ends none: then all
connections are closed within this, and the pool replaces them."""


class StatementCanceller:
    """The thread that cancels abandoned statements."""

    def __init__(self, give_back: Callable[[Connection], None], settled: Callable[[bool], None]) -> None:
        """`give_back` returns a connection to the pool; `settled` is called with True if it could be kept."""
        self._give_back = give_back
        self._settled = settled
        self._abandoned: SimpleQueue[tuple[Connection, float] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._settle_until_closed, name="abandoned statements", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, connection: Connection) -> None:
        """Settle a connection, and return it to the pool, without waiting."""
        self._abandoned.put((connection, time.monotonic() + SETTLE_S))

    def close(self) -> None:
        """Settle what is left, and end the thread."""
        self._abandoned.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _settle_until_closed(self) -> None:
        while abandoned := self._abandoned.get():
            connection, deadline = abandoned
            try:
                try:
                    self._settled(settle(connection, deadline))
                finally:
                    self._give_back(connection)
            except Exception:
                # The thread goes on: without it, the pool would lose every connection with an abandoned statement.
                log.exception("unhandled exception in the canceller of abandoned statements")


def settle(connection: Connection, deadline: float) -> bool:
    """Cancel the abandoned statement and roll back; return True if that succeeds in time, else close the connection.

    Afterwards the cancel request has taken effect and cannot hit a later statement.
    """
    try:
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:
            raise ResponseTimeout("no time is left to cancel")
        connection.deadline = deadline
        connection.cancel_safe(timeout=remaining_s)
        is_pipeline = connection.pgconn.pipeline_status != PipelineStatus.OFF
        connection.wait(pipeline_results(connection.pgconn) if is_pipeline else receive(connection.pgconn))
        _drain_cancellation(connection)
    except psycopg.Error:
        connection.pgconn.finish()
        return False
    except BaseException:
        connection.pgconn.finish()
        raise
    finally:
        connection.deadline, connection.unsettled = None, False
    return True


def _drain_cancellation(connection: Connection) -> None:
    """Make a round trip, and leave the transaction.

    The server has signalled the cancellation before it confirmed it. A signal that came after the statement had ended
    is spent on this round trip at the latest.
    """
    for _ in range(2):
        idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
        with suppress(psycopg.errors.QueryCanceled):
            if idle:
                connection.run_script(b"SELECT 1", cancellable=False)
            else:
                connection.run_script(b"ROLLBACK", cancellable=False)
    if connection.pgconn.transaction_status != TransactionStatus.IDLE:
        raise psycopg.OperationalError("the transaction could not be rolled back")
