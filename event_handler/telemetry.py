"""What is measured of events."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from event_handler.group_commit import Flush
from event_handler.writers import Writers
from shared.domain.catalogue import Catalogue
from shared.domain.events import CompletionKey, Event, Outcome, Verdict
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
        self._completions = telemetry.counter("completions", "Goals that events completed.")
        self.bisected: Callable[[], None] = telemetry.counter(
            "flush_bisections", "Batches that were parted because the database refused some of their content."
        ).inc
        self.days_without_partition = 0
        telemetry.gauge(
            "ledger_days_without_partition",
            "Days whose events lie in the ledger's default partition.",
            lambda: self.days_without_partition,
        )

    def watch(self, writers: Writers) -> None:
        """Show how full the buffers are."""
        self._telemetry.gauge(
            "buffered_events", "Events that wait or are being committed.", lambda: writers.buffered_events
        )
        self._telemetry.gauge(
            "oldest_event_wait_seconds",
            "How long the oldest waiting event has waited.",
            lambda: writers.oldest_wait_s,
        )

    def measured(self, flush: Flush) -> Flush:
        """The same flush, measured."""

        def measured_flush(judged_by: Catalogue, events: Sequence[Event], deadline: float) -> Sequence[Outcome | None]:
            started = time.monotonic()
            try:
                outcomes = flush(judged_by, events, deadline)
            except Exception:
                self._failures.inc()
                raise
            if None in outcomes:
                self._failures.inc()
            self._batch_size.observe(len(events))
            self._flush_seconds.observe(time.monotonic() - started)
            return outcomes

        return measured_flush

    def completed(self, completions: Sequence[CompletionKey]) -> None:
        """Count what was completed."""
        self._completions.inc(len(completions))

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Count what callers are told."""
        for verdict, number in Counter(outcome.verdict for outcome in outcomes).items():
            self._verdicts[verdict].inc(number)
