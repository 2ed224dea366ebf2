"""One transaction on one connection, and its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg

from shared.domain.achieved import Achieved
from shared.postgres.connection import Connection
from shared.postgres.replication import wait_again
from shared.postgres.sqlstates import Failure, classify
from shared.postgres.statements import statement

_T = TypeVar("_T")

_STATUS = statement("transaction_status")
IN_PROGRESS = "in progress"
"""Status of a transaction that can still commit."""
COMMITTED = "committed"
"""Status of a transaction that is committed, or of which a crash has given the id to one that is."""
_WITHOUT_RESPONSE = frozenset({Failure.CONNECTION_LOST, Failure.TIMEOUT, Failure.SILENT})


class CommitUnknown(Exception):
    """The transaction is committed, aborted or still in progress, or committed where a promotion may still lose it."""

    def __init__(self, transaction_id: int, result: Any, achieved: Sequence[Achieved]) -> None:
        super().__init__(f"the outcome of transaction {transaction_id} is unknown")
        self.transaction_id = transaction_id
        self.result = result
        self.achieved = tuple(achieved)


class NothingStored(Exception):
    """Raised by the work of a transaction that finds everything stored already. It is rolled back, and that is safe."""


def run_transaction(connection: Connection, work: Callable[[Connection], _T]) -> _T:
    """Do the work between BEGIN and COMMIT on a connection in autocommit mode, and return its result.

    Raise `CommitUnknown` if the connection was lost at COMMIT, or while it waited again for synchronous standbys; after
    any other error nothing is committed.
    """
    connection.begin()
    try:
        result = work(connection)
    except BaseException:
        # If the connection is gone, so is the transaction, and the first error tells why.
        # An abandoned statement is still running, and `StatementCanceller` rolls back after it.
        if not connection.unsettled:
            with suppress(psycopg.Error):
                connection.leave_transaction()
        raise
    started = time.monotonic()
    try:
        connection.commit_transaction()
    except psycopg.Error as error:
        transaction_id = connection.transaction_id
        if transaction_id is not None and classify(error) in _WITHOUT_RESPONSE:
            raise CommitUnknown(transaction_id, result, connection.achieved) from error
        with suppress(psycopg.Error):
            # A deferred statement has failed, and the transaction is still open.
            connection.leave_transaction()
        raise
    if connection.transaction_id is not None:
        connection.took("commit", time.monotonic() - started)
        if connection.warned:
            _wait_again(connection, connection.transaction_id, result)
    return result


def _wait_again(connection: Connection, transaction_id: int, result: object) -> None:
    try:
        wait_again(connection)
    except psycopg.Error as error:
        raise CommitUnknown(transaction_id, result, connection.achieved) from error


def status_of(connection: Connection, transaction_id: int) -> str | None:
    """Return `IN_PROGRESS`, `COMMITTED` or another status of a transaction; None if the server has forgotten it.

    The connection must be in autocommit mode.
    """
    try:
        status: str | None = _STATUS.value(connection, str(transaction_id))
    except psycopg.errors.InvalidParameterValue:
        # "In the future": the server crashed before its log recorded that the id was assigned.
        return None
    return status
