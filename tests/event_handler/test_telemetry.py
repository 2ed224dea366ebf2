"""Metrics of flushes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from event_handler.telemetry import EventTelemetry
from shared.domain.events import CompletionKey, Outcome, Verdict
from shared.runtime.telemetry import Telemetry
from tests.support.sample_catalogue import sample_catalogue

KNOWN, UNKNOWN = Outcome(Verdict.APPLIED), None
COMPLETING = Outcome(
    Verdict.APPLIED, (CompletionKey("player", "warm-up", 0, 1), CompletionKey("player", "regular", 0, 1))
)


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
    EventTelemetry(telemetry).flushed(sample_catalogue(), outcomes, 0.001)
    assert telemetry.registry.get_sample_value("flush_failures_total") == failures
    counted = [
        sample for family in telemetry.registry.collect() if family.name == "completions" for sample in family.samples
    ]
    assert sum(sample.value for sample in counted) == completions
    challenge_ids = {challenge.id for challenge in sample_catalogue().challenges}
    assert {sample.labels["challenge"] for sample in counted} <= challenge_ids
    assert telemetry.registry.get_sample_value("flush_events_count") == 1
