"""Metrics of events and their flushes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from event_handler.group_commit import GroupCommit
from shared.domain.events import Outcome, Verdict
from shared.operations.events.ledger_partitions import LedgerPartitions
from shared.runtime.telemetry import SIZE_BUCKETS, Telemetry


class EventTelemetry:
    """The instruments of the event handler."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        verdicts = telemetry.counter("events", "Events by verdict.", labels=("verdict",))
        self._verdicts = {verdict: verdicts.labels(verdict.name) for verdict in Verdict}
        self._batch_size = telemetry.histogram("flush_events", "Events in one flush.", buckets=SIZE_BUCKETS)
        self._flush_seconds = telemetry.histogram("flush_seconds", "Flushes, from first statement to COMMIT.")
        self._failures = telemetry.counter("flush_failures", "Flushes that ended in an error, for some events or all.")
        self.acknowledged = telemetry.histogram(
            "event_acknowledgement_seconds",
            "Time from the receipt of a call's or a stream message's events to their commit.",
        ).observe
        """Record for how long events that are acknowledged have waited."""
        self._splits = telemetry.counter(
            "flush_bisections", "Batches that were split because the database refused some of their content."
        )

    def watch_partitions(self, partitions: LedgerPartitions) -> None:
        """Show what the ledger's default partition holds."""
        self._telemetry.gauge(
            "ledger_days_without_partition",
            "Days whose events lie in the ledger's default partition; not a number while they cannot be counted.",
            lambda: partitions.days_without_partition,
        )

    def watch(self, group_commit: GroupCommit) -> None:
        """Show how full the buffer is."""
        self._telemetry.gauge("buffered_events", "Events that wait or are being committed.", lambda: group_commit.size)
        self._telemetry.gauge(
            "oldest_event_wait_seconds",
            "Time in seconds that the oldest waiting event has waited.",
            lambda: group_commit.oldest_wait_s,
        )

    def flushed(self, outcomes: Sequence[Outcome | None], seconds: float) -> None:
        """Count a flush."""
        if None in outcomes:
            self._failures.inc()
        self._batch_size.observe(len(outcomes))
        self._flush_seconds.observe(seconds)

    def flush_failed(self) -> None:
        """Count a flush that failed as a whole."""
        self._failures.inc()

    def split(self, times: int) -> None:
        """Count how often a flush was split."""
        if times:
            self._splits.inc(times)

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Count the verdicts that are returned to callers."""
        # For a call with one event, a `Counter` would take longer than counting does.
        numbers: dict[Verdict, int] = {}
        for outcome in outcomes:
            numbers[outcome.verdict] = numbers.get(outcome.verdict, 0) + 1
        for verdict, number in numbers.items():
            self._verdicts[verdict].inc(number)
