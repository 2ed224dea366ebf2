"""Metrics of the event source."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from challenge.v1 import event_service_pb2

from shared.runtime.telemetry import Telemetry

IGNORED, DEAD_LETTER = "IGNORED", "DEAD_LETTER"
UNMAPPABLE = "UNMAPPABLE"


def verdict_name(verdict: event_service_pb2.Verdict.ValueType) -> str:
    """Return the name of a verdict without its prefix; a newer event handler may have one that is unknown here."""
    known = verdict in event_service_pb2.Verdict.values()
    return event_service_pb2.Verdict.Name(verdict).removeprefix("VERDICT_") if known else f"UNKNOWN_{verdict}"


OF_PARTITIONS, OF_CONSUMER = "partitions", "consumer"
"""Whose messages a lag counts, as a label: those of the process's own partitions, or of all sources together."""


class SourceTelemetry:
    """The instruments of one process."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._messages = telemetry.counter(
            "source_messages",
            "Messages that were settled, by verdict, ignored ones, and dead letters.",
            labels=("outcome",),
        )
        self._dead_letters = telemetry.counter(
            "source_dead_letters", "Messages published to the dead letters, by the reason's kind.", labels=("verdict",)
        )
        self._calls = telemetry.counter("source_calls", "Calls of the event handler, by status code.", labels=("code",))
        self._call_s = telemetry.histogram("source_call_duration_seconds", "Time of calls of the event handler.")
        for outcome in (*event_service_pb2.Verdict.keys()[1:4], IGNORED, DEAD_LETTER):
            self._messages.labels(outcome.removeprefix("VERDICT_"))

    def settled(self, verdicts: Mapping[event_service_pb2.Verdict.ValueType, int]) -> None:
        """Count messages with a verdict: the number of each."""
        for verdict, number in verdicts.items():
            self._messages.labels(verdict_name(verdict)).inc(number)

    def ignored(self, number: int) -> None:
        """Count messages that the mapping ignores."""
        self._messages.labels(IGNORED).inc(number)

    def dead(self, verdict: str) -> None:
        """Count a confirmed dead letter."""
        self._messages.labels(DEAD_LETTER).inc()
        self._dead_letters.labels(verdict).inc()

    def called(self, code: str, seconds: float) -> None:
        """Count a call that has ended."""
        self._calls.labels(code).inc()
        self._call_s.observe(seconds)

    def watch(
        self, open_messages: Callable[[], int], paused: Callable[[], bool], lag: Callable[[], float], *, lag_of: str
    ) -> None:
        """Show the state of the pump and the lag at each scrape; `lag_of` is `OF_PARTITIONS` or `OF_CONSUMER`."""
        self._telemetry.gauge(
            "source_open_messages", "Messages received and not committed yet.", lambda: float(open_messages())
        )
        self._telemetry.gauge(
            "source_paused", "1 while a failed call keeps the source waiting.", lambda: float(paused())
        )
        lags = self._telemetry.labelled_gauge(
            "source_lag_messages", "Messages behind the newest one. NaN: not known.", labels=("of",)
        )
        lags.labels(lag_of).set_function(lag)
