"""A handler whose log is not read, with hurried callers and an attacked metrics port: other callers are unaffected."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import grpc
import pytest
from challenge.v1.event_service_pb2 import ReportEventRequest
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from devstack.ports import LOOPBACK
from tests.support.busy_machine import BUSY_FACTOR, LATE_S
from tests.support.event_messages import stat
from tests.support.reserved_port import ReservedPort
from tests.support.service_process import DEMO, PROJECT, SERVING_S
from tests.support.services import CHANNEL_OPTIONS, rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

FAULT_S = float(os.environ.get("FAULT_S", "3"))
"""Duration of the attack in seconds, and of the time before it."""
CALLERS = 4
HURRIED_CALLERS = 8
HURRIED_S = 0.01
"""Deadline of callers in a hurry."""
PAUSE_S = 0.005
CALL_TIMEOUT_S = 5.0
HALF_SENT = 400
FACTOR = 3.0
SLOW_S = 0.05 * BUSY_FACTOR
"""Latency that is good enough, however much faster calls were before."""
STOPPED_WITHIN_S = 10.0 + LATE_S


class Handler(NamedTuple):
    """An event handler whose standard error is a full pipe."""

    process: subprocess.Popen[bytes]
    events: EventServiceStub
    metrics_port: int


@contextmanager
def full_pipe() -> Iterator[int]:
    """Yield the write end of a full pipe that is never read."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        while True:
            os.write(write_end, b"\n" * 4_096)
    except BlockingIOError:
        pass
    os.set_blocking(write_end, True)
    try:
        yield write_end
    finally:
        os.close(write_end)
        os.close(read_end)


@pytest.fixture
def handler(database_url: str) -> Iterator[Handler]:
    """Yield the handler once it serves."""
    port, metrics_port = ReservedPort(), ReservedPort()
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": "",
        "CATALOGUE": str(DEMO),
        "EVENT_PORT": str(port.number),
        "EVENT_METRICS_PORT": str(metrics_port.number),
        "LOG_LEVEL": "DEBUG",
    }
    with full_pipe() as pipe, grpc.insecure_channel(f"{LOOPBACK}:{port.number}", options=CHANNEL_OPTIONS) as channel:
        command = [sys.executable, "-m", "event_handler"]
        process = subprocess.Popen(command, env={**os.environ, **settings}, cwd=PROJECT, stderr=pipe)
        try:
            events = EventServiceStub(channel)
            wait_until(lambda: report(events, "first", SERVING_S) is None, SERVING_S)
            yield Handler(process, events, metrics_port.number)
        finally:
            process.kill()
            process.wait()
            port.close()
            metrics_port.close()


def report(events: EventServiceStub, user_id: str, timeout_s: float) -> grpc.StatusCode | None:
    """Report one event, and return how the call failed; None if the event is applied."""
    event = stat("matches_won", user_id, delta=1, at=time.time_ns() // 1_000)
    try:
        events.ReportEvent(ReportEventRequest(event=event), timeout=timeout_s)
    except grpc.RpcError as error:
        return error.code()
    return None


class Callers:
    """Threads that call until the block ends."""

    def __init__(self, events: EventServiceStub, count: int, user_id: str, timeout_s: float) -> None:
        self._events, self._count, self._user_id, self._timeout_s = events, count, user_id, timeout_s
        self.codes = Counter[grpc.StatusCode | None]()
        self.calls: list[tuple[float, float]] = []
        """The start and the duration of each call."""

    @contextmanager
    def running(self) -> Iterator[None]:
        done = threading.Event()

        def call_until_done() -> None:
            while not done.is_set():
                started = time.monotonic()
                self.codes[report(self._events, self._user_id, self._timeout_s)] += 1
                self.calls.append((started, time.monotonic() - started))
                done.wait(PAUSE_S)

        with until_done(call_until_done, self._count, done):
            yield

    def p95_s(self, since: float, until: float) -> float:
        """Return the latency below which 95 % of the calls of this time were."""
        return statistics.quantiles([took for started, took in self.calls if since <= started < until], n=20)[-1]


@contextmanager
def until_done(work: Callable[[], None], count: int, done: threading.Event) -> Iterator[None]:
    """Work in this many threads while the block runs."""
    with ThreadPoolExecutor(count) as threads:
        working = [threads.submit(work) for _ in range(count)]
        try:
            yield
        finally:
            done.set()
        for each in working:
            each.result()


@contextmanager
def metrics_attacked(port: int) -> Iterator[None]:
    """Keep half-sent requests open on the metrics port, and scrape it in a loop."""
    done = threading.Event()

    def scrape() -> None:
        while not done.is_set():
            try:
                urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=CALL_TIMEOUT_S).read()
            except OSError:
                # Some of too many connections are closed.
                done.wait(PAUSE_S)

    with ExitStack() as connections:
        for _ in range(HALF_SENT):
            connection = connections.enter_context(socket.create_connection((LOOPBACK, port), CALL_TIMEOUT_S))
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        with until_done(scrape, 1, done):
            yield


def test_others_are_served_and_a_stop_is_in_order(handler: Handler, database_url: str) -> None:
    others = Callers(handler.events, CALLERS, "patient", CALL_TIMEOUT_S)
    hurried = Callers(handler.events, HURRIED_CALLERS, "hurried", HURRIED_S)

    def wait_s(seconds: float) -> float:
        until = time.monotonic() + seconds
        return wait_until(lambda: (now := time.monotonic()) > until and now, seconds + CALL_TIMEOUT_S)

    with others.running():
        begin = time.monotonic()
        quiet_until = wait_s(FAULT_S)
        with hurried.running():
            wait_s(FAULT_S)
        attacked_from = time.monotonic()
        with metrics_attacked(handler.metrics_port):
            attacked_until = wait_s(FAULT_S)
    with hurried.running():
        wait_until(lambda: len(hurried.calls) > 0)
        asked = time.monotonic()
        handler.process.send_signal(signal.SIGTERM)
        code = handler.process.wait(STOPPED_WITHIN_S)
        stop_s = time.monotonic() - asked
    usual_s, attacked_s = others.p95_s(begin, quiet_until), others.p95_s(attacked_from, attacked_until)
    counted = dict(
        rows(database_url, "SELECT user_id, sum(events)::bigint FROM tally WHERE schedule = 'lifetime' GROUP BY 1")
    )
    print(  # noqa: T201
        f"\nlog stalled: {dict(others.codes)} of patient callers, {dict(hurried.codes)} of hurried ones; "
        f"p95 {1e3 * usual_s:.1f} ms, with the metrics port under attack {1e3 * attacked_s:.1f} ms; stop {stop_s:.1f} s"
    )
    assert code == 0
    assert set(others.codes) == {None}, "no call of others fails"
    assert counted["patient"] == others.codes[None]
    assert hurried.codes[None] <= counted["hurried"] <= hurried.codes.total()
    assert attacked_s < max(FACTOR * usual_s, SLOW_S)
