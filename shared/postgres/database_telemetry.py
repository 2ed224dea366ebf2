"""Metrics of work on the database."""

from __future__ import annotations

from collections.abc import Callable

from shared.postgres.sqlstates import Failure
from shared.runtime.telemetry import Telemetry


class DatabaseTelemetry:
    """The instruments of a `Database`."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._seconds = telemetry.histogram(
            "statement_seconds", "Time of each statement until its rows have arrived.", labels=("statement",)
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

    def took(self, statement: str, seconds: float) -> None:
        """Record the time of an executed statement."""
        observe = self._observers.get(statement)
        if observe is None:
            observe = self._observers[statement] = self._seconds.labels(statement).observe
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
