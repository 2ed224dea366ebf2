"""Flushes of the event handler are measured, whether they succeed or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from event_handler.event_flusher import EventFlusher
from event_handler.telemetry import EventTelemetry
from shared.domain.errors import DeadlineExceeded
from shared.domain.events import Event, Verdict
from shared.postgres.database import Database
from shared.runtime.telemetry import Telemetry
from tests.support.databases import opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import KILLS

CATALOGUE = catalogue_of(goal())
EVENTS = [Event(f"{number}", "player", 0, KILLS, delta=1) for number in range(3)]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with opened(database_url) as pool:
        yield pool


def measured(telemetry: Telemetry) -> dict[str, float | None]:
    names = ("flush_events_count", "flush_events_sum", "flush_failures_total", "flush_bisections_total")
    return {name: telemetry.registry.get_sample_value(name) for name in names}


def test_a_flush_is_counted_with_its_events(database: Database) -> None:
    telemetry = Telemetry()
    flusher = EventFlusher(database, EventTelemetry(telemetry), None)
    assert [outcome and outcome.verdict for outcome in flusher.flush(CATALOGUE, EVENTS, soon())] == [
        Verdict.APPLIED
    ] * 3
    assert list(measured(telemetry).values()) == [1, 3, 0, 0]


def test_a_flush_that_fails_as_a_whole_is_counted_as_a_failure(database: Database) -> None:
    telemetry = Telemetry()
    flusher = EventFlusher(database, EventTelemetry(telemetry), None)
    with pytest.raises(DeadlineExceeded):
        flusher.flush(CATALOGUE, EVENTS, soon(-1))
    assert list(measured(telemetry).values()) == [0, 0, 1, 0]


def test_the_splits_of_a_refused_batch_are_counted(database: Database) -> None:
    telemetry = Telemetry()
    flusher = EventFlusher(database, EventTelemetry(telemetry), None)
    # No check at the edge lets this amount through; a constraint of the tally refuses it.
    refused = Event("refused", "other player", 0, KILLS, delta=-1)
    outcomes = flusher.flush(CATALOGUE, [*EVENTS, refused], soon())
    assert [outcome and outcome.verdict for outcome in outcomes] == [Verdict.APPLIED] * 3 + [Verdict.INVALID]
    assert list(measured(telemetry).values()) == [1, 4, 0, 1]
