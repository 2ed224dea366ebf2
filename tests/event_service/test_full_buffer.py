"""What callers hear while the database takes nothing in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import psycopg
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from tests.arena import arena
from tests.refusals import refusal
from tests.reported import stat
from tests.services import SetClock, event_service, rows
from tests.waiting import wait_until

BUFFER = 1_000
REFUSED_WITHIN_S = 0.3
REPORT_TIMEOUT_S = 10


@pytest.fixture
def handler(database_url: str) -> Iterator[EventServiceStub]:
    """An event handler that buffers 1,000 events."""
    with event_service(database_url, arena(), clock=SetClock(), buffer_events_max=BUFFER) as stub:
        yield stub


@contextmanager
def held_up(database_url: str) -> Iterator[None]:
    """The database answers nobody who writes events."""
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE event_seen IN ACCESS EXCLUSIVE MODE")
        yield


def wait_until_a_flush_hangs(database_url: str) -> None:
    wait_until(lambda: rows(database_url, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


def batch(count: int) -> rpc.ReportEventsRequest:
    return rpc.ReportEventsRequest(events=[stat("wins", delta=1) for _ in range(count)])


def test_what_does_not_fit_is_refused_at_once_and_the_rest_is_committed(
    handler: EventServiceStub, database_url: str
) -> None:
    with held_up(database_url):
        accepted = handler.ReportEvents.future(batch(BUFFER - 1), timeout=REPORT_TIMEOUT_S)
        wait_until_a_flush_hangs(database_url)
        last = handler.ReportEvent.future(rpc.ReportEventRequest(event=stat("wins", delta=1)), timeout=REPORT_TIMEOUT_S)
        started = time.monotonic()
        refused = wait_until(lambda: _refusal_of_one_more(handler))
        assert time.monotonic() - started < REFUSED_WITHIN_S + 1
        assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.reason == "OVERLOADED"
        assert refused.retry_after_s is not None
        assert 0 < refused.retry_after_s <= 1
        assert not accepted.done()
    assert {result.verdict for result in accepted.result().results} == {rpc.VERDICT_APPLIED}
    assert last.result().result.verdict == rpc.VERDICT_APPLIED
    assert rows(database_url, "SELECT sum FROM tally") == [(BUFFER,)]
    assert len(handler.ReportEvents(batch(10)).results) == 10
