"""Access to the database: repeatable reads, and transactions whose outcome is known.

Both take the work as a function of a connection, because work is repeated after a lost connection or a conflict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar, cast

import psycopg

from shared.domain.achieved import Achieved
from shared.domain.errors import DatabaseUnavailable
from shared.postgres.connection import Connection
from shared.postgres.connection_lender import ConnectionLender
from shared.postgres.database_telemetry import DatabaseTelemetry
from shared.postgres.distribution.doubt import prepared_transactions
from shared.postgres.replication import confirm_read, confirmed, wait_again
from shared.postgres.setup_faults import SETUP_FAULTS, SetupFaultLog
from shared.postgres.sqlstates import (
    POOLER_CHANGED_SESSION,
    PREPARED_STATEMENTS_LOST,
    ContentRefused,
    Failure,
    classify,
    to_domain,
    violates_constraint,
)
from shared.postgres.transaction import COMMITTED, IN_PROGRESS, CommitUnknown, NothingStored, run_transaction, status_of

_T = TypeVar("_T")

CONFLICT_ATTEMPTS_MAX = 5
RETRY_PAUSE_S = 0.02

_OF_STATEMENTS = frozenset({Failure.CONFLICT, Failure.LOCKED, *SETUP_FAULTS})
"""Failures that say nothing against the connections."""


class _Withdrawn(Exception):
    """The work succeeded and is rolled back."""


class Database:
    """A pool of connections to the database."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int,
        application_name: str,
        telemetry: DatabaseTelemetry | None = None,
        synchronous: bool = False,
        kept: int | None = None,
    ) -> None:
        """Take a libpq URL. `pool_size` connections are opened in the background; `kept` of them, the rest on demand.

        If `synchronous`, nothing is acknowledged that a synchronous standby does not have.
        """
        self.refused = False
        """The server has reported that it cannot do something. The probe resets this when it checks again."""
        self.synchronous = synchronous
        self.unreplicated: str | None = None
        """The reason for beginning no transaction: its COMMIT would wait for a standby in vain. The probe sets it."""
        self.achieved: Callable[[Achieved], object] = lambda _: None
        """Callback for what a committed transaction has completed and claimed. It must not raise."""
        self._telemetry = telemetry
        self._setup_faults = SetupFaultLog()
        self._lender = ConnectionLender(
            url,
            pool_size=pool_size,
            application_name=application_name,
            telemetry=telemetry,
            synchronous=synchronous,
            kept=kept,
        )

    @property
    def problem(self) -> str | None:
        """The reason of the server, or of a pooler before it, for the last refused connection or lost statement."""
        return self._lender.problem

    def open(self) -> None:
        """Start connecting and return at once, whether the server can be reached or not."""
        self._lender.open()

    def begin_stop(self, calls_end_s: float = 0.0) -> None:
        """Give up on a server that falls silent from now on: end the waits for it and lend no more connections.

        Before calls have ended, `calls_end_s` is the time that they have.
        """
        self._lender.begin_stop(calls_end_s)

    def close(self) -> None:
        """Close all connections."""
        self._lender.close()

    def autocommit(self, work: Callable[[Connection], _T], deadline: float) -> _T:
        """Do repeatable work in autocommit mode, and return its result.

        `deadline` is in monotonic seconds. Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
        """
        return self._attempt(work, deadline)

    def acknowledge(self, work: Callable[[Connection], _T], deadline: float) -> _T:
        """Do work as `autocommit` does that stores something in one statement, or confirms an earlier call by reading.

        With `synchronous`, standbys have it when this returns.
        """
        return self.transact(work, deadline) if self.synchronous else self._attempt(work, deadline)

    def transact(
        self,
        work: Callable[[Connection], _T],
        deadline: float,
        written: Callable[[Connection, int, _T], bool] | None = None,
    ) -> _T:
        """Do work in one READ COMMITTED transaction, commit it, and return its result.

        The work is repeated after a deadlock and after a connection that was lost before COMMIT was sent. If the reply
        to COMMIT is lost, the outcome is awaited on another connection, and `written(connection, transaction id,
        result)` tells whether the transaction's rows exist: then the result stands, else the work is repeated. Without
        `written`, repeating the work must be harmless.

        Raise what `autocommit` raises, `ContentRefused` if the values themselves are rejected, and what the work
        raises. If that is `NothingStored`, required standbys have what the work has read.
        """
        if self.unreplicated is not None:
            # A COMMIT that waits cannot be taken back, and each would keep a connection of the server.
            raise DatabaseUnavailable(self.unreplicated)
        while True:
            try:
                return self._attempt(lambda connection: self._run(connection, work), deadline)
            except CommitUnknown as unknown:
                transaction_id, result, achieved = unknown.transaction_id, cast("_T", unknown.result), unknown.achieved
            committed = self._await_end(transaction_id, deadline)
            if committed if written is None else self._is_written(transaction_id, result, written, deadline):
                self._count(achieved)
                if written is not None:
                    return result
                # Repeated work finds everything stored, and achieves nothing.

    def _run(self, connection: Connection, work: Callable[[Connection], _T]) -> _T:
        try:
            result = run_transaction(connection, work)
        except NothingStored:
            if self.synchronous:
                confirm_read(connection)
            raise
        self._count(connection.achieved)
        return result

    def _count(self, achieved: Iterable[Achieved]) -> None:
        for each in achieved:
            self.achieved(each)

    def rehearse(self, work: Callable[[Connection], object], deadline: float) -> None:
        """Do work as `transact` does, and roll it back. If this returns, the work could have been committed."""

        def rehearsal(connection: Connection) -> None:
            work(connection)
            raise _Withdrawn

        with suppress(_Withdrawn):
            self.transact(rehearsal, deadline)

    def _is_written(
        self, transaction_id: int, result: _T, written: Callable[[Connection, int, _T], bool], deadline: float
    ) -> bool:
        """Return whether `written` finds the rows of a transaction that has ended."""
        self._await_all_nodes(deadline)
        # A transaction id reported as committed proves nothing: after a crash of the server, the id of a lost
        # transaction may be reused. Its rows do, once the standbys that the lost COMMIT may have waited for have them.
        found = self._confirmed(lambda connection: written(connection, transaction_id, result), deadline)
        if self._telemetry is not None:
            self._telemetry.resolved(found)
        return found

    def _await_end(self, transaction_id: int, deadline: float) -> bool:
        """Wait until a transaction whose COMMIT got no response has ended; return whether its id is committed."""
        while (status := self._attempt(lambda each: status_of(each, transaction_id), deadline)) == IN_PROGRESS:
            if time.monotonic() >= deadline:
                raise DatabaseUnavailable
            time.sleep(RETRY_PAUSE_S)
        return status == COMMITTED

    def _await_all_nodes(self, deadline: float) -> None:
        """Wait until whatever is committed by now can be seen on every node."""
        in_doubt = self._attempt(prepared_transactions, deadline)
        while in_doubt:
            if time.monotonic() >= deadline:
                raise DatabaseUnavailable
            time.sleep(RETRY_PAUSE_S)
            in_doubt &= self._attempt(prepared_transactions, deadline)

    def _confirmed(self, seen: Callable[[Connection], bool], deadline: float) -> bool:
        while True:
            with suppress(CommitUnknown):
                return self._attempt(
                    lambda connection: run_transaction(connection, lambda each: confirmed(each, seen)), deadline
                )
            time.sleep(RETRY_PAUSE_S)

    def _attempt(self, work: Callable[[Connection], _T], deadline: float) -> _T:
        """Do the work, repeat it after lost connections and conflicts, and return its result."""
        lender, conflicts, on_citus = self._lender, 0, False
        while True:
            try:
                connection = lender.borrow(deadline)
                before, on_citus = connection.round_trips, connection.on_citus
                try:
                    result = work(connection)
                    if connection.warned:
                        wait_again(connection)
                finally:
                    if self._telemetry is not None:
                        self._telemetry.made_round_trips(connection.round_trips - before)
                    lender.give_back(connection)
                lender.works = True
                return result
            except psycopg.Error as error:
                failure = classify(error)
                if error.sqlstate in POOLER_CHANGED_SESSION:
                    lender.problem = PREPARED_STATEMENTS_LOST
                if failure is Failure.CONTENT:
                    raise ContentRefused(error) from error
                if failure is Failure.BUG:
                    raise
                self._setup_faults.note(failure, error)
                self.refused = self.refused or failure is Failure.UNAVAILABLE
                conflicts += failure is Failure.CONFLICT
                if on_citus and conflicts == CONFLICT_ATTEMPTS_MAX and violates_constraint(error):
                    # A cluster names no constraint, so this was taken for a conflict.
                    raise ContentRefused(error) from error
                lender.works = lender.works and failure in _OF_STATEMENTS
                again = failure is Failure.CONNECTION_LOST or (
                    failure is Failure.CONFLICT and conflicts < CONFLICT_ATTEMPTS_MAX
                )
                if not again or time.monotonic() + RETRY_PAUSE_S >= deadline:
                    raise to_domain(failure) from error
            if self._telemetry is not None:
                self._telemetry.retried(failure)
            time.sleep(RETRY_PAUSE_S)
