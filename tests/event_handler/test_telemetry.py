"""What is measured of flushes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from event_handler.telemetry import EventTelemetry
from shared.domain.catalogue import Catalogue
from shared.domain.errors import DatabaseUnavailable
from shared.domain.events import Event, Outcome, Verdict
from shared.runtime.telemetry import Telemetry
from tests.support.databases import soon
from tests.support.goals import catalogue_of, goal

CATALOGUE = catalogue_of(goal())
KNOWN, UNKNOWN = Outcome(Verdict.APPLIED), None


@pytest.mark.parametrize(
    ("outcomes", "failures"),
    [([KNOWN, KNOWN], 0), ([KNOWN, UNKNOWN], 1), ([UNKNOWN, UNKNOWN], 1), (DatabaseUnavailable(), 1)],
)
def test_a_flush_fails_if_any_outcome_is_unknown(
    outcomes: Sequence[Outcome | None] | DatabaseUnavailable, failures: int
) -> None:
    telemetry = Telemetry()

    def flush(_catalogue: Catalogue, _events: Sequence[Event], _deadline: float) -> Sequence[Outcome | None]:
        if isinstance(outcomes, DatabaseUnavailable):
            raise outcomes
        return outcomes

    measured = EventTelemetry(telemetry).measured(flush)
    try:
        assert measured(CATALOGUE, [], soon()) == outcomes
    except DatabaseUnavailable as error:
        assert error is outcomes  # noqa: PT017 - one of the cases
    assert telemetry.registry.get_sample_value("flush_failures_total") == failures
