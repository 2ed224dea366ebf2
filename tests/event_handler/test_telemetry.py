"""Metrics of flushes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from event_handler.telemetry import EventTelemetry
from shared.domain.events import CompletionKey, Outcome, Verdict
from shared.runtime.telemetry import Telemetry

KNOWN, UNKNOWN = Outcome(Verdict.APPLIED), None
COMPLETING = Outcome(Verdict.APPLIED, (CompletionKey("player", "goal", 0, 1), CompletionKey("player", "other", 0, 1)))


@pytest.mark.parametrize(
    ("outcomes", "failures", "completions"),
    [
        ([KNOWN, KNOWN], 0, 0),
        ([KNOWN, COMPLETING, COMPLETING], 0, 4),
        ([COMPLETING, UNKNOWN], 1, 2),
        ([UNKNOWN, UNKNOWN], 1, 0),
    ],
)
def test_a_flush_fails_if_any_outcome_is_unknown(
    outcomes: Sequence[Outcome | None], failures: int, completions: int
) -> None:
    telemetry = Telemetry()
    EventTelemetry(telemetry).flushed(outcomes, 0.001)
    assert telemetry.registry.get_sample_value("flush_failures_total") == failures
    assert telemetry.registry.get_sample_value("completions_total") == completions
    assert telemetry.registry.get_sample_value("flush_events_count") == 1
