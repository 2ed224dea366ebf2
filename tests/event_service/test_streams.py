"""StreamEvents through the API."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from event_handler.__main__ import CONTRACT
from shared.rpc import server, stream_pool
from shared.rpc.limits import Limits
from shared.rpc.open_streams import PATIENCE
from shared.rpc.server import ServiceBinding
from tests.support.event_messages import stat
from tests.support.refusals import refusal, refusal_of
from tests.support.sample_catalogue import sample_catalogue
from tests.support.servicers import event_servicer
from tests.support.services import STREAMS, Game, ManualClock, event_service, rows, serving
from tests.support.waiting import wait_until

TIMEOUT_S = 60


def batch(*events: rpc.Event) -> rpc.StreamEventsRequest:
    return rpc.StreamEventsRequest(events=events)


def test_batches_get_responses_in_order_with_a_result_for_each_event(sample_game: Game) -> None:
    batches = [
        batch(*(stat("wins", f"player {n % 7}", delta=1, event_id=f"{b}-{n}") for n in range(1 + b % 3)))
        for b in range(50)
    ]
    responses = sample_game.events.StreamEvents(iter(batches), timeout=TIMEOUT_S)
    replied = [[result.event_id for result in response.results] for response in responses]
    assert replied == [[event.event_id for event in sent.events] for sent in batches]
    assert sample_game.rows("SELECT sum(sum) FROM tally") == [(sum(len(sent.events) for sent in batches),)]


def test_a_redelivered_batch_counts_once(sample_game: Game) -> None:
    sent = batch(*(stat("wins", delta=1, event_id=str(number)) for number in range(10)))
    first, again = sample_game.events.StreamEvents(iter([sent, sent]), timeout=TIMEOUT_S)
    assert {result.verdict for result in first.results} == {rpc.VERDICT_APPLIED}
    assert {result.verdict for result in again.results} == {rpc.VERDICT_DUPLICATE}
    assert sample_game.goal("warm-up").progress == 3
    assert sample_game.rows("SELECT sum FROM tally") == [(10,)]


def test_an_invalid_event_gets_its_verdict_and_the_stream_goes_on(sample_game: Game) -> None:
    faulty, good = stat("wins", user_id="", delta=1), stat("wins", delta=1)
    first, second = sample_game.events.StreamEvents(iter([batch(faulty, good), batch(good)]), timeout=TIMEOUT_S)
    assert [result.verdict for result in first.results] == [rpc.VERDICT_INVALID, rpc.VERDICT_APPLIED]
    assert [result.verdict for result in second.results] == [rpc.VERDICT_DUPLICATE]


@pytest.mark.parametrize("size", [0, 1_001])
def test_an_invalid_batch_ends_the_stream_after_the_earlier_responses(sample_game: Game, size: int) -> None:
    good, faulty = batch(stat("wins", delta=1)), batch(*(stat("wins", delta=1) for _ in range(size)))
    responses = sample_game.events.StreamEvents(iter([good, faulty, good]), timeout=TIMEOUT_S)
    assert next(responses).results[0].verdict == rpc.VERDICT_APPLIED
    refused = refusal(lambda: next(responses))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert "events" in refused.fields
    assert sample_game.rows("SELECT sum FROM tally") == [(1,)]


def test_a_stream_for_which_no_thread_can_be_started_is_refused(
    sample_game: Game, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start = threading.Thread.start

    def start_no_stream(thread: threading.Thread) -> None:
        if thread.name.startswith("stream "):
            raise RuntimeError("can't start new thread")
        start(thread)

    def replies() -> list[rpc.StreamEventsResponse]:
        return list(sample_game.events.StreamEvents(iter([batch(stat("wins", delta=1))]), timeout=TIMEOUT_S))

    with monkeypatch.context() as patched, caplog.at_level("CRITICAL", "shared.rpc.call_pool"):
        patched.setattr(threading.Thread, "start", start_no_stream)
        refused = refusal(replies)
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert len(replies()) == 1


def test_streams_are_bounded_and_starve_no_unary_call(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", replace(PATIENCE, idle_s=60.0))
    monkeypatch.setattr(stream_pool, "WAIT_S", 0.2)
    done = threading.Event()

    def one_batch_and_then_nothing() -> Iterator[rpc.StreamEventsRequest]:
        yield batch(stat("wins", delta=1))
        done.wait(TIMEOUT_S)

    with event_service(database_url, sample_catalogue(), clock=ManualClock(), threads=2) as handler:
        streams = [handler.StreamEvents(one_batch_and_then_nothing(), timeout=TIMEOUT_S) for _ in range(STREAMS)]
        for stream in streams:
            assert len(next(stream).results) == 1
        refused = refusal(lambda: next(handler.StreamEvents(iter([batch(stat("wins", delta=1))]), timeout=TIMEOUT_S)))
        assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert refused.retry_after_s
        unary = handler.ReportEvent(rpc.ReportEventRequest(event=stat("wins", delta=1)), timeout=TIMEOUT_S)
        assert unary.result.verdict == rpc.VERDICT_APPLIED
        done.set()
        for stream in streams:
            assert list(stream) == []


def test_at_shutdown_a_stream_responds_to_accepted_batches_and_ends_with_a_reason(database_url: str) -> None:
    done = threading.Event()

    def batches() -> Iterator[rpc.StreamEventsRequest]:
        for number in range(5):
            yield batch(stat("wins", delta=1, event_id=str(number)))
        done.wait(TIMEOUT_S)

    with (
        event_servicer(database_url, sample_catalogue(), clock=ManualClock()) as servicer,
        serving([ServiceBinding(CONTRACT, servicer)], threads=1) as channel,
    ):
        stream = EventServiceStub(channel).StreamEvents(batches(), timeout=TIMEOUT_S)
        replied = [next(stream)]
        wait_until(lambda: rows(database_url, "SELECT sum FROM tally") == [(5,)])
        servicer.streams.stop()
        replied += islice(stream, 4)
        refused = refusal(lambda: next(stream))
        done.set()
    assert [response.results[0].event_id for response in replied] == ["0", "1", "2", "3", "4"]
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")


def test_a_cancelled_stream_leaves_no_thread_and_no_slot(database_url: str) -> None:
    with event_service(database_url, sample_catalogue(), clock=ManualClock()) as handler:
        for _ in range(3 * STREAMS):
            stream = handler.StreamEvents(iter([batch(stat("wins", delta=1))]), timeout=TIMEOUT_S)
            next(stream)
            stream.cancel()
            wait_until(lambda: not [t for t in threading.enumerate() if t.name == "stream reader"])


@pytest.fixture
def without_garbage_collection() -> Iterator[None]:
    """Disable garbage collection, so that reference cycles stay."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def faulty(handler: EventServiceStub) -> bool:
    """Return whether an invalid batch ended a stream."""
    return "events" in refusal(lambda: list(handler.StreamEvents(iter([batch()]), timeout=TIMEOUT_S))).fields


def cancelled(handler: EventServiceStub) -> bool:
    """Return whether a stream was open until its caller cancelled it; False if it was refused as excess."""
    gone = threading.Event()

    def one_batch_and_then_nothing() -> Iterator[rpc.StreamEventsRequest]:
        yield batch(stat("wins", delta=1))
        gone.wait(TIMEOUT_S)

    stream = handler.StreamEvents(one_batch_and_then_nothing(), timeout=TIMEOUT_S)
    try:
        return bool(next(stream).results)
    except grpc.RpcError as error:
        # The streams before it are still ending.
        return refusal_of(error).reason != "OVERLOADED"
    finally:
        stream.cancel()
        gone.set()


@pytest.mark.usefixtures("without_garbage_collection")
@pytest.mark.parametrize("end_badly", [faulty, pytest.param(cancelled, marks=pytest.mark.slow)])
def test_failed_streams_do_not_count_against_their_connection(
    database_url: str, end_badly: Callable[[EventServiceStub], bool]
) -> None:
    with event_service(database_url, sample_catalogue(), clock=ManualClock()) as handler:
        ended = 0
        while ended < Limits().streams_per_connection + 100:
            ended += end_badly(handler)
        good = rpc.ReportEventRequest(event=stat("wins", delta=1))
        assert handler.ReportEvent(good, timeout=TIMEOUT_S).result.verdict == rpc.VERDICT_APPLIED


def test_idle_streams_yield_to_new_ones_when_all_places_are_taken(database_url: str) -> None:
    done = threading.Event()

    def nothing() -> Iterator[rpc.StreamEventsRequest]:
        done.wait(TIMEOUT_S)
        yield from ()

    good = batch(stat("wins", delta=1))
    with event_service(database_url, sample_catalogue(), clock=ManualClock()) as handler:
        idle = [handler.StreamEvents(nothing(), timeout=TIMEOUT_S) for _ in range(STREAMS)]
        served = 0
        while served < 5 or all(stream.is_active() for stream in idle):
            assert len(list(handler.StreamEvents(iter([good]), timeout=TIMEOUT_S))) == 1
            served += 1
        # One for each new stream at most.
        ended, *further = [stream for stream in idle if not stream.is_active()]
        assert len(further) < served
        refused = refusal(lambda: next(ended))
        assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert "idle" in refused.message
        done.set()
