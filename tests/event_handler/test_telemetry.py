"""Metrics of flushes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from event_handler.telemetry import EventTelemetry
from shared.domain.events import Outcome, Verdict
from shared.runtime.telemetry import Telemetry

KNOWN, UNKNOWN = Outcome(Verdict.APPLIED), None


@pytest.mark.parametrize(
    ("outcomes", "failures"),
    [([KNOWN, KNOWN], 0), ([KNOWN, UNKNOWN], 1), ([UNKNOWN, UNKNOWN], 1)],
)
def test_a_flush_fails_if_any_outcome_is_unknown(outcomes: Sequence[Outcome | None], failures: int) -> None:
    telemetry = Telemetry()
    EventTelemetry(telemetry).flushed(outcomes, 0.001)
    assert telemetry.registry.get_sample_value("flush_failures_total") == failures
    assert telemetry.registry.get_sample_value("flush_events_count") == 1
