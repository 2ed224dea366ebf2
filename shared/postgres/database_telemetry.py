"""Metrics of work on the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.postgres.sqlstates import Failure
from shared.runtime.telemetry import Telemetry


class DatabaseTelemetry:
    """The instruments of a `Database`."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._seconds = telemetry.database_operations
        pool = "db_client_connection_pool_name"
        self._connections = telemetry.labelled_gauge(
            "db_client_connection_count", "Connections by state.", labels=(pool, "db_client_connection_state")
        )
        self._pool_size = telemetry.labelled_gauge(
            "db_client_connection_max", "Size of the pool of connections.", labels=(pool,)
        )
        self._waiting = telemetry.labelled_gauge(
            "db_client_connection_pending_requests", "Pieces of work that wait for a connection.", labels=(pool,)
        )
        self._observers: dict[str, Callable[[float], None]] = {}
        self._round_trips = telemetry.counter("database_round_trips", "Round trips to the database.")
        retries = telemetry.counter("database_retries", "Retries of work, by reason.", labels=("reason",))
        self._retries = {failure: retries.labels(failure.name.lower()) for failure in Failure}
        ambiguous = telemetry.counter(
            "ambiguous_commits", "Transactions whose reply to COMMIT was lost, by outcome.", labels=("outcome",)
        )
        self._written = {True: ambiguous.labels("committed"), False: ambiguous.labels("not committed")}

        abandoned = telemetry.counter(
            "abandoned_statements",
            "Statements that their callers' deadlines ended, by what became of the connection.",
            labels=("connection",),
        )
        self._abandoned = {True: abandoned.labels("kept"), False: abandoned.labels("closed")}

    def add_pool_metrics(self, name: str, stats: Callable[[], Mapping[str, int]]) -> None:
        """Show how many connections of a pool are in use, and how many transactions and reads wait for one."""

        def used() -> int:
            now = stats()
            return max(0, now["pool_size"] - now["pool_available"])

        self._connections.labels(name, "idle").set_function(lambda: stats()["pool_available"])
        self._connections.labels(name, "used").set_function(used)
        self._pool_size.labels(name).set_function(lambda: stats()["pool_max"])
        self._waiting.labels(name).set_function(lambda: stats()["requests_waiting"])

    def took(self, statement: str, seconds: float) -> None:
        """Record the time of an executed statement."""
        observe = self._observers.get(statement)
        if observe is None:
            observe = self._observers[statement] = self._seconds.labels("postgresql", statement).observe
        observe(seconds)

    def made_round_trips(self, count: int) -> None:
        """Count the round trips of a piece of work."""
        self._round_trips.inc(count)

    def retried(self, failure: Failure) -> None:
        """Count a retry."""
        self._retries[failure].inc()

    def abandoned(self, kept: bool) -> None:
        """Count an abandoned statement, and whether its connection was kept."""
        self._abandoned[kept].inc()

    def resolved(self, written: bool) -> None:
        """Count an ambiguous COMMIT whose outcome is known."""
        self._written[written].inc()
