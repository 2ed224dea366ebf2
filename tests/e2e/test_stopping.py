"""A service that is asked to stop first completes the calls that it has accepted."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue

import grpc
import psycopg
import pytest
from challenge.v1 import event_service_pb2 as rpc

from tests.runtime.processes import metrics_at, samples
from tests.support.event_messages import stat
from tests.support.refusals import refusal
from tests.support.service_process import ServiceProcess, serving
from tests.support.services import rows
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

STOPPED_WITHIN_S = 10.0
BUFFER = 10_000
CALLERS = 8
CALLS_BEFORE_STOP = 50
GIVE_UP_S = 60.0


def events(count: int) -> list[rpc.Event]:
    now = time.time_ns() // 1_000
    return [stat("matches_won", delta=1, at=now) for _ in range(count)]


def committed(database_url: str) -> int:
    """Return the number of committed events."""
    [(count,)] = rows(database_url, "SELECT coalesce(sum(events), 0)::bigint FROM tally WHERE schedule = 'lifetime'")
    return int(count)


def gauge(handler: ServiceProcess, name: str) -> float:
    return samples(metrics_at(handler.wait_for("started")["metrics_port"]), name)[""]


@pytest.mark.parametrize("held_up_s", [0.2, 2.5])
def test_a_full_buffer_is_committed_and_acknowledged_at_a_stop(database_url: str, held_up_s: float) -> None:
    with serving("event_handler", database_url) as handler, psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE event_seen IN ACCESS EXCLUSIVE MODE")
        calls = [handler.events.ReportEvents.future(rpc.ReportEventsRequest(events=events(1_000))) for _ in range(10)]
        wait_until(lambda: gauge(handler, "buffered_events") == BUFFER)
        held_back = handler.events.StreamEvents(iter([rpc.StreamEventsRequest(events=events(10))]))
        sender = SimpleQueue[rpc.StreamEventsRequest | None]()
        silent = handler.events.StreamEvents(iter(sender.get, None))
        wait_until(lambda: gauge(handler, "rpc_streams_open") == 2)

        asked = unstalled_s()
        handler.signal(signal.SIGTERM)
        handler.wait_for("stopping")
        release = threading.Timer(held_up_s, holder.rollback)
        release.start()
        code = handler.wait()
        assert unstalled_s() - asked < STOPPED_WITHIN_S
        release.join()
        assert code == 0, handler.logs

        refused = refusal(lambda: list(silent))
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
        sender.put(None)
        acknowledged = [result for call in calls for result in call.result().results]
        # Its batch gets a response if there was room in time. Then the stream ends.
        with suppress(grpc.RpcError):
            for response in held_back:
                acknowledged += response.results
    applied = committed(database_url)
    print(  # noqa: T201
        f"\nstopped with a full buffer: {len(acknowledged)} events acknowledged, {applied} applied, "
        f"{len(acknowledged) - applied} lost; exit {code}"
    )
    assert {result.verdict for result in acknowledged} == {rpc.VERDICT_APPLIED}
    assert applied == len(acknowledged) >= BUFFER


def test_calls_in_progress_are_completed_and_later_ones_are_refused_at_a_stop(database_url: str) -> None:
    acknowledged = 0
    changed = threading.Condition()
    stopping = threading.Event()

    def call_until_stopped(handler: ServiceProcess) -> grpc.StatusCode:
        nonlocal acknowledged
        request = rpc.ReportEventsRequest(events=events(20))
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            try:
                results = handler.events.ReportEvents(request, timeout=60).results
            except grpc.RpcError as error:
                if stopping.is_set():
                    return error.code()
                continue
            with changed:
                acknowledged += len(results)
                changed.notify_all()
            request = rpc.ReportEventsRequest(events=events(20))
        raise AssertionError("the handler continued after SIGTERM")

    with serving("event_handler", database_url) as handler, ThreadPoolExecutor(CALLERS) as callers:
        calls = [callers.submit(call_until_stopped, handler) for _ in range(CALLERS)]
        with changed:
            assert changed.wait_for(lambda: acknowledged >= CALLS_BEFORE_STOP * 20, timeout=60)
        stopping.set()
        asked = unstalled_s()
        assert handler.stop() == 0
        assert unstalled_s() - asked < STOPPED_WITHIN_S
        codes = {call.result() for call in calls}
    # gRPC itself cancels a call that arrives at the moment of the stop, before the service has seen it.
    assert codes <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert committed(database_url) == acknowledged, "committed and acknowledged events differ"
    assert not [line for line in handler.logs if line["level"] == "ERROR"]


@pytest.mark.parametrize(
    ("module", "number"), [("challenge_service", signal.SIGINT), ("event_handler", signal.SIGTERM)]
)
def test_an_idle_service_stops_at_once(database_url: str, module: str, number: signal.Signals) -> None:
    with serving(module, database_url) as service:
        asked = unstalled_s()
        service.signal(number)
        assert service.wait() == 0
        assert unstalled_s() - asked < STOPPED_WITHIN_S / 2
        steps = [line["step"] for line in service.logged("part stopped")]
        assert steps.index("health") < steps.index("calls") < steps.index("database")
        # Changes that a process does not note are told after the last of them.
        last_change = "writer" if module == "event_handler" else "calls"
        assert steps.index(last_change) < steps.index("leaderboards of others") < steps.index("database")
