"""Responses while the database accepts no writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import psycopg
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from tests.support.busy_machine import BUSY_FACTOR
from tests.support.event_messages import stat
from tests.support.refusals import refusal
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import ManualClock, event_service, rows
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

BUFFER = 1_000
REFUSED_WITHIN_S = 0.3
REPORT_TIMEOUT_S = 60


@pytest.fixture(autouse=True)
def patient_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a commit be held up for as long as a slow machine takes for a test."""
    monkeypatch.setattr("event_handler.group_commit.FLUSH_DEADLINE_MAX_S", REPORT_TIMEOUT_S)


@pytest.fixture
def handler(database_url: str) -> Iterator[EventServiceStub]:
    """Yield an event handler that buffers 1,000 events."""
    with event_service(database_url, sample_catalogue(), clock=ManualClock(), buffer_events_max=BUFFER) as stub:
        yield stub


@contextmanager
def held_up(database_url: str) -> Iterator[None]:
    """Block all writes of events in the database."""
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE event_seen IN ACCESS EXCLUSIVE MODE")
        yield


def wait_until_a_flush_hangs(database_url: str) -> None:
    wait_until(lambda: rows(database_url, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))


def batch(count: int) -> rpc.ReportEventsRequest:
    return rpc.ReportEventsRequest(events=[stat("wins", delta=1) for _ in range(count)])


def test_events_that_do_not_fit_are_refused_at_once_and_the_rest_is_committed(
    handler: EventServiceStub, database_url: str
) -> None:
    with held_up(database_url):
        accepted = handler.ReportEvents.future(batch(BUFFER), timeout=REPORT_TIMEOUT_S)
        wait_until_a_flush_hangs(database_url)
        for _ in range(20):
            started = unstalled_s()
            refused = refusal(lambda: handler.ReportEvents(batch(1)))
            assert unstalled_s() - started < REFUSED_WITHIN_S * BUSY_FACTOR
            assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
            assert refused.retry_after_s is not None
            assert 0 < refused.retry_after_s <= 1
        assert not accepted.done()
    assert {result.verdict for result in accepted.result().results} == {rpc.VERDICT_APPLIED}
    assert rows(database_url, "SELECT sum FROM tally") == [(BUFFER,)]
    assert len(handler.ReportEvents(batch(BUFFER)).results) == BUFFER


def test_events_that_need_no_commit_get_their_results_meanwhile(handler: EventServiceStub, database_url: str) -> None:
    with held_up(database_url):
        accepted = handler.ReportEvents.future(batch(BUFFER), timeout=REPORT_TIMEOUT_S)
        wait_until_a_flush_hangs(database_url)
        unwanted = rpc.ReportEventRequest(event=stat("unused stat", delta=1))
        assert handler.ReportEvent(unwanted).result.verdict == rpc.VERDICT_NO_MATCHING_GOAL
    accepted.result()


def test_a_stream_is_held_back_rather_than_refused(handler: EventServiceStub, database_url: str) -> None:
    batches = [rpc.StreamEventsRequest(events=batch(600).events) for _ in range(5)]
    with held_up(database_url):
        responses = handler.StreamEvents(iter(batches), timeout=REPORT_TIMEOUT_S)
        wait_until_a_flush_hangs(database_url)
    verdicts = {result.verdict for response in responses for result in response.results}
    assert verdicts == {rpc.VERDICT_APPLIED}
    assert rows(database_url, "SELECT sum FROM tally") == [(5 * 600,)]


def test_more_calls_than_threads_are_refused_at_once(database_url: str) -> None:
    calls_sent, threads = 100, 4
    with event_service(database_url, sample_catalogue(), clock=ManualClock(), threads=threads) as handler:
        with held_up(database_url):
            calls = [handler.ReportEvents.future(batch(1), timeout=REPORT_TIMEOUT_S) for _ in range(calls_sent)]
            wait_until(lambda: sum(call.done() for call in calls) == calls_sent - threads)
            refused = [refusal(call.result) for call in calls if call.done()]
        verdicts = [call.result().results[0].verdict for call in calls if call.exception() is None]
    assert {(each.code, each.reason) for each in refused} == {(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")}
    assert all(each.retry_after_s for each in refused)
    assert verdicts == [rpc.VERDICT_APPLIED] * threads
    assert rows(database_url, "SELECT sum FROM tally") == [(threads,)]
