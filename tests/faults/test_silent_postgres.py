"""Postgres accepts everything and responds to nothing: calls end in time, memory is bounded, and calls recover."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc

from devstack.game.fault_plan import FaultPlan
from shared.runtime.clock import system_clock
from tests.support.busy_machine import LATE_S
from tests.support.databases import opened
from tests.support.event_messages import stat
from tests.support.game_servers import open_game
from tests.support.proxy import proxy_to
from tests.support.refusals import refusal_of
from tests.support.rewards import store_claim
from tests.support.service_process import EITHER_SERVICE, ServiceProcess, serving
from tests.support.services import rows
from tests.support.waiting import wait_until

SILENT_S = 30.0
CALLERS = 16
BATCH = 1_000
TIMEOUT_S = 1.0
PAUSE_S = 0.05
"""Pause of a caller who was refused, in seconds."""
GROWTH_MAX_BYTES = 100 * 2**20
"""16 callers hold 16,000 events, of which 10,000 fit into the buffer: about 20 MB including all derived objects."""
AGAIN_WITHIN_S = 15.0
LONG_S = 25.0
"""Deadline of callers who would wait much longer than a stop takes, in seconds."""
STOP_SILENT_S = 10.0 + LATE_S
"""`GRACE_S` and the margin that a parent gives its workers, and a busy machine."""


class Caller:
    """Sends one batch unchanged until it is acknowledged, then the next."""

    def __init__(self, number: int) -> None:
        self.codes = Counter[grpc.StatusCode]()
        self.slowest_s = 0.0
        self.sent = self.applied = self.duplicates = 0
        self._player = f"player-{number}"

    def call_until(self, handler: ServiceProcess, done: threading.Event) -> None:
        while not done.is_set():
            now = time.time_ns() // 1_000
            events = [stat("matches_won", self._player, delta=1, at=now) for _ in range(BATCH)]
            self.sent += BATCH
            request = rpc.ReportEventsRequest(events=events)
            while not self._call(handler, request):
                done.wait(PAUSE_S)

    def _call(self, handler: ServiceProcess, request: rpc.ReportEventsRequest) -> bool:
        started = time.monotonic()
        try:
            results = handler.events.ReportEvents(request, timeout=TIMEOUT_S).results
        except grpc.RpcError as error:
            self.slowest_s = max(self.slowest_s, time.monotonic() - started)
            # At the deadline the caller's own library may be slightly ahead of the response.
            passed = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            self.codes[error.code() if passed else refusal_of(error).code] += 1
            return False
        verdicts = Counter(result.verdict for result in results)
        self.applied += verdicts.pop(rpc.VERDICT_APPLIED, 0)
        self.duplicates += verdicts.pop(rpc.VERDICT_DUPLICATE, 0)
        assert not verdicts
        return True


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_calls_end_in_time_memory_is_bounded_and_nothing_is_lost(database_url: str) -> None:
    done = threading.Event()
    callers = [Caller(number) for number in range(CALLERS)]
    with (
        proxy_to(database_url) as (proxy, url_through_proxy),
        serving("event_handler", url_through_proxy) as handler,
        ThreadPoolExecutor(CALLERS) as threads,
    ):
        calls = [threads.submit(caller.call_until, handler, done) for caller in callers]
        try:
            wait_until(lambda: all(caller.applied for caller in callers))
            pid = handler.wait_for("started")["pid"]
            before = greatest = resident_bytes(pid)
            proxy.freeze()
            until = time.monotonic() + SILENT_S
            while time.monotonic() < until:
                greatest = max(greatest, resident_bytes(pid))
                done.wait(PAUSE_S)
            proxy.thaw()
            thawed = time.monotonic()
            applied = [caller.applied + caller.duplicates for caller in callers]
            wait_until(
                lambda: all(
                    caller.applied + caller.duplicates > before for caller, before in zip(callers, applied, strict=True)
                ),
                AGAIN_WITHIN_S,
            )
            again_s = time.monotonic() - thawed
        finally:
            done.set()
        for call in calls:
            call.result()
        assert handler.stop() == 0
    codes = sum((caller.codes for caller in callers), Counter[grpc.StatusCode]())
    sent = sum(caller.sent for caller in callers)
    duplicates = sum(caller.duplicates for caller in callers)
    acknowledged = sum(caller.applied for caller in callers) + duplicates
    slowest_s = max(caller.slowest_s for caller in callers)
    [(counted, distinct)] = rows(
        database_url,
        "SELECT sum(events)::bigint, (SELECT count(*) FROM event_seen) FROM tally WHERE schedule = 'lifetime'",
    )
    print(  # noqa: T201
        f"\nsilent for {SILENT_S:g} s: {sent} events sent, {acknowledged} acknowledged, {counted} applied, "
        f"{duplicates} duplicates, {sent - counted} lost; failed calls "
        f"{ {code.name: count for code, count in codes.items()} }, the slowest {slowest_s:.2f} s; "
        f"{(greatest - before) / 2**20:.0f} MiB more memory; all callers served again after {again_s:.1f} s"
    )
    assert sent == acknowledged == counted == distinct
    assert set(codes) <= {
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
    }
    assert slowest_s < TIMEOUT_S + LATE_S
    assert greatest - before < GROWTH_MAX_BYTES


@pytest.mark.parametrize("module", [*EITHER_SERVICE, "reward_dispatcher"])
def test_a_service_whose_database_is_silent_stops_in_order_and_in_time(database_url: str, module: str) -> None:
    with proxy_to(database_url) as (proxy, url_through_proxy), serving(module, url_through_proxy) as service:
        proxy.freeze()
        # The probe notices, and the pool tries to connect again.
        wait_until(lambda: service.logged("probe failing"), AGAIN_WITHIN_S)
        assert service.stop(STOP_SILENT_S) == 0
    assert not service.logged("part did not stop in time")


@pytest.mark.slow
def test_calls_that_a_silent_database_holds_end_at_a_stop(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url_through_proxy), serving("event_handler", url_through_proxy) as handler:
        proxy.freeze()
        calls = [
            handler.events.ReportEvent.future(rpc.ReportEventRequest(event=event), timeout=LONG_S)
            for event in (stat("matches_won", delta=1, at=time.time_ns() // 1_000) for _ in range(CALLERS))
        ]
        # Sent on the same connection after them.
        assert handler.health("clock") != "UNREACHABLE"
        assert handler.stop(STOP_SILENT_S) == 0, handler.logs
        codes = {call.code() for call in calls}
    assert codes == {grpc.StatusCode.UNAVAILABLE}
    assert not handler.logged("part did not stop in time")


@pytest.mark.slow
def test_workers_whose_database_is_silent_stop_in_order_and_in_time(database_url: str) -> None:
    with (
        proxy_to(database_url) as (proxy, url_through_proxy),
        serving("challenge_service", url_through_proxy, "--workers", "2") as service,
    ):
        service.wait_for("started", count=2)
        proxy.freeze()
        wait_until(lambda: len(service.logged("probe failing")) >= 2, AGAIN_WITHIN_S)
        assert service.stop(STOP_SILENT_S) == 0
    assert not service.logged("part did not stop in time")
    assert not service.logged("a worker did not stop in time and is killed")


@pytest.mark.slow
def test_deliveries_under_way_do_not_hold_up_a_stop_while_the_database_is_silent(database_url: str) -> None:
    with open_game(FaultPlan(delay_s=1.0)) as game, opened(database_url) as database:
        for number in range(CALLERS):
            store_claim(database, f"player {number}", system_clock())
        rows(database_url, "UPDATE reward_outbox SET provider = 'grpc' RETURNING grant_id")
        with (
            proxy_to(database_url) as (proxy, url_through_proxy),
            serving("reward_dispatcher", url_through_proxy, REWARD_GRPC_TARGET=game.grpc_target) as dispatcher,
        ):
            wait_until(lambda: len(game.game.attempts()) > 0, AGAIN_WITHIN_S)
            proxy.freeze()
            assert dispatcher.stop(STOP_SILENT_S) == 0, dispatcher.logs
        assert not dispatcher.logged("part did not stop in time")
        given = [gift.grant_id for gift in game.game.grant_log.given()]
        assert len(given) == len(set(given)), "no reward reached its player twice"
