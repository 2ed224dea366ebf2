"""A connection that executes prepared statements, and sends several of a transaction together."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Self

import psycopg
from psycopg import abc
from psycopg.adapt import Transformer
from psycopg.pq import Format, TransactionStatus
from psycopg.pq.abc import PGresult

from shared.domain.achieved import Achieved
from shared.postgres.bounded_waits import BoundedConnection
from shared.postgres.distribution.written_places import ANYWHERE, COMMIT_IN_TWO_PHASES, NOTHING, written_by
from shared.postgres.execution import Execution
from shared.postgres.notices import noting_warnings
from shared.postgres.results import checked, register_loaders, transaction_id_of

_BEGIN = b"begin", b"BEGIN ISOLATION LEVEL READ COMMITTED"
_TRANSACTION_ID = b"transaction_id", b"SELECT pg_current_xact_id()"
_COMMIT = b"commit", b"COMMIT"

_ADAPT = b"""
SELECT set_config('plan_cache_mode', 'auto', false), set_config('citus.multi_shard_modify_mode', 'sequential', false)
FROM pg_extension
WHERE extname = 'citus'
"""
"""Let Citus plan by the parameters, which tell it the shards: it refuses most generic plans. And let it write by one
connection a node: it would open one a shard, and close most of them after each transaction."""

ADAPT_S = 3.0
"""Time limit in seconds for the first statement of a session: that for connecting."""


class Connection(BoundedConnection):
    """A connection in autocommit mode that sends what belongs together in one round trip.

    The system uses `run_prepared` and `run_script`, which call libpq directly: for a read by primary key psycopg's
    cursors take twice the CPU, and they forget all prepared statements at every ROLLBACK.
    """

    took: Callable[[str, float], None] = staticmethod(lambda _statement, _seconds: None)
    """Callback for each statement's name and its seconds until its rows had arrived."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._begins = False
        self._deferred: list[Execution] = []
        self.round_trips = 0
        """Number of round trips since the connection was opened, without those that prepare statements."""
        self.achieved: list[Achieved] = []
        """Completions and claims of the transaction."""
        self.transaction_id: int | None = None
        """The id of the latest transaction; None before its first statement."""
        self.begins_with: tuple[bytes, bytes] | None = None
        """Name and text of a statement that every transaction begins with; None for none."""
        self._written = NOTHING
        """The places that the transaction has written on a cluster."""
        self.warned = False
        """The server has sent a warning since this was set to False. It is at every COMMIT."""
        self.add_notice_handler(noting_warnings(weakref.ref(self)))
        self._loaders: dict[bytes, abc.Transformer | None] = {}
        """Loaders of each prepared statement's columns, as of its first result. Postgres refuses to execute a statement
        whose columns have changed since it was prepared."""
        register_loaders(self.adapters)

    on_citus = False
    """True if the database can distribute tables over nodes."""

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        """Connect as psycopg does, and adapt the session to Citus where that is installed."""
        connection = super().connect(conninfo, **kwargs)
        try:
            connection.deadline = time.monotonic() + ADAPT_S
            connection.pgconn.send_query(_ADAPT)
            (result,) = connection._results(cancellable=False)
            connection.on_citus = result.ntuples > 0
        except BaseException as error:
            connection.close()
            # A pooler may accept a connection and refuse its first statement.
            if isinstance(error, psycopg.Error) and (failed := kwargs.get("failed")) is not None:
                failed(error)
            raise
        connection.deadline = None
        return connection

    def run_prepared(self, name: bytes, text: bytes, parameters: Iterable[object]) -> list[tuple[Any, ...]]:
        """Execute a statement, preparing it at its first use, and return all rows. `Execution` takes the parameters."""
        return self.execute_prepared(Execution(name, parameters), text).rows

    def execute_prepared(self, execution: Execution, text: bytes) -> Execution:
        """Execute a statement, preparing it at its first use, and return the execution with its rows."""
        name = execution.name
        self._prepare(name, text)
        if self._begins or self._deferred:
            self._execute_waiting(execution)
        else:
            self.round_trips += 1
            self.pgconn.send_query_prepared(name, execution.parameters, None, Format.BINARY)
            self._load_rows(execution, *self._results())
        return execution

    def defer_prepared(
        self, name: bytes, text: bytes, parameters: Iterable[object], *, next_is_certain: bool = False
    ) -> Execution:
        """Execute a statement in the round trip of the transaction's next one or of its COMMIT.

        Return the execution, which has the rows after that. If it fails, its error is raised there, and nothing after
        it is executed. Outside a transaction it is executed at once, unless it is certain that another one follows.
        """
        if not next_is_certain and not self._begins and self.pgconn.transaction_status == TransactionStatus.IDLE:
            execution = Execution(name, ())
            execution.rows = self.run_prepared(name, text, parameters)
            return execution
        self._prepare(name, text)
        execution = Execution(name, parameters)
        self._deferred.append(execution)
        return execution

    def execute_deferred(self) -> None:
        """Execute the deferred statements, if any."""
        if self._deferred:
            self._execute_waiting()

    def _load_rows(self, execution: Execution, result: PGresult) -> None:
        if execution.is_known is not None:
            values = tuple([result.get_value(0, column) for column in range(result.nfields)])
            if execution.is_known(values):
                result.clear()
                return
        loader = self._loaders[execution.name]
        if loader is None:
            loader = self._loaders[execution.name] = Transformer(self)
            loader.set_pgresult(result)
        else:
            loader.set_pgresult(result, set_loaders=False)
        execution.rows, execution.affected = loader.load_rows(0, result.ntuples, tuple), result.command_tuples
        result.clear()

    def begin(self) -> None:
        """Begin a READ COMMITTED transaction in the round trip of its first statement."""
        self._begins = True
        self.achieved.clear()
        self.transaction_id = None
        self._written = NOTHING

    def commit_transaction(self) -> None:
        """Commit in the round trip of the deferred statements. `transaction_id` is set if the server is asked to.

        A COMMIT is never cancelled, because that would leave its outcome open.
        """
        self.warned = False
        if self._begins:
            # Without the transaction's id the outcome of a lost COMMIT could not be found out.
            self.execute_deferred()
        if self._written == ANYWHERE:
            self.defer_prepared(*COMMIT_IN_TWO_PHASES, ())
        if self._begins:
            self.leave_transaction()
        elif self._deferred:
            self._prepare(*_COMMIT)
            self._execute_waiting(Execution(_COMMIT[0], ()), cancellable=False)
        else:
            self.run_script(b"COMMIT", cancellable=False)

    def leave_transaction(self) -> None:
        """Roll back if a transaction has begun."""
        self.forget_waiting()
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            self.run_script(b"ROLLBACK")

    def forget_waiting(self) -> None:
        """Forget what waits for a next statement that does not come, so that it does not travel with another call's."""
        self._begins = False
        self._deferred.clear()

    def _prepare(self, name: bytes, text: bytes) -> None:
        """Prepare a statement unless it is, because it is about to be executed."""
        if self.on_citus:
            self._written = self._written.with_that_of(written_by(text))
        if name not in self._loaders:
            self.pgconn.send_prepare(name, text)
            # Abandoned, it would leave open whether the server knows the statement.
            self._results(cancellable=False)
            self._loaders[name] = None

    def _execute_waiting(self, *last: Execution, cancellable: bool = True) -> None:
        """Begin if that is due, and execute the deferred statements and the last one, all in one round trip."""
        waiting = [*self._deferred, *last]
        begins: list[Execution] = []
        if self._begins:
            self._prepare(*_BEGIN)
            self._prepare(*_TRANSACTION_ID)
            begins = [Execution(_BEGIN[0], ()), Execution(_TRANSACTION_ID[0], ())]
            if self.begins_with is not None:
                self._prepare(*self.begins_with)
                begins.append(Execution(self.begins_with[0], ()))
        self._begins = False
        self._deferred.clear()
        self.pgconn.enter_pipeline_mode()
        for execution in begins + waiting:
            self.pgconn.send_query_prepared(execution.name, execution.parameters, None, Format.BINARY)
        self.pgconn.pipeline_sync()
        self._cancellable = cancellable
        self.round_trips += 1
        results = checked(self.receive_pipeline())
        if begins:
            self.transaction_id = transaction_id_of(results[1])
        for execution, result in zip(waiting, results[len(begins) :], strict=True):
            self._load_rows(execution, result)

    def _begin_alone(self) -> None:
        """Begin before a statement that is not prepared."""
        self._begins = False
        _, result = self.run_script(b"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_current_xact_id()")
        self.transaction_id = int(result.get_value(0, 0) or 0)
        if self.begins_with is not None:
            self.run_prepared(*self.begins_with, ())

    def _execute_before(self) -> None:
        """Execute everything that waits for the next statement, because that one is not prepared."""
        self.execute_deferred()
        if self._begins:
            self._begin_alone()

    def cursor(self, *arguments: Any, **keywords: Any) -> Any:
        """Return a cursor of psycopg, whose statements belong to a transaction that has begun."""
        self._execute_before()
        if self.on_citus:
            self._written = ANYWHERE
        return super().cursor(*arguments, **keywords)

    def run_script(self, text: bytes, *, cancellable: bool = True) -> list[PGresult]:
        """Execute statements without parameters in one round trip, and return a result for each.

        If a statement that is not cancellable is abandoned, the connection is closed and the server finishes it.
        """
        self._execute_before()
        self.round_trips += 1
        self.pgconn.send_query(text)
        return self._results(cancellable=cancellable)

    def _results(self, *, cancellable: bool = True) -> list[PGresult]:
        self._cancellable = cancellable
        return checked(self.receive_results())
