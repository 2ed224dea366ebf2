"""500 calls at once, four connections and a slow database: the excess is refused at once, and no call hangs."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import InitializePlayerRequest
from challenge.v1.event_service_pb2 import ReportEventRequest

from tests.support.busy_machine import BUSY_FACTOR, BUSY_MACHINE_S
from tests.support.event_messages import login
from tests.support.proxy import proxy_to
from tests.support.refusals import refusal_of
from tests.support.service_process import ServiceProcess, serving
from tests.support.services import rows
from tests.support.waiting import wait_until

CALLS = 500
POOL_SIZE = 4
THREADS = {"challenge_service": 32, "event_handler": 128}
"""Threads of the services by default: the number of calls that wait for a connection or a commit."""
DELAY_S = 0.05
"""Delay in each direction of every statement: a transaction takes a third of a second."""
TIMEOUT_S = 10.0
REFUSED_WITHIN_S = 0.3

FINE = {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED}

CALL: dict[str, Callable[[ServiceProcess, str], Any]] = {
    "challenge_service": lambda service, who: service.challenges.InitializePlayer.future(
        InitializePlayerRequest(user_id=who), timeout=TIMEOUT_S
    ),
    "event_handler": lambda service, who: service.events.ReportEvent.future(
        ReportEventRequest(event=login(who, at=time.time_ns() // 1_000)), timeout=TIMEOUT_S
    ),
}
STORED = {
    "challenge_service": "SELECT user_id FROM player",
    "event_handler": "SELECT user_id FROM tally WHERE events = 1",
}


@pytest.mark.parametrize("module", CALL)
def test_the_excess_is_refused_at_once_and_no_call_hangs(database_url: str, module: str) -> None:
    lock = threading.Lock()
    ended: dict[str, tuple[float, grpc.Future[Any]]] = {}

    def call(service: ServiceProcess, who: str) -> None:
        started = time.monotonic()

        def note(done: grpc.Future[Any]) -> None:
            with lock:
                ended[who] = (time.monotonic() - started, done)

        CALL[module](service, who).add_done_callback(note)

    with (
        proxy_to(database_url) as (proxy, url_through_proxy),
        serving(module, url_through_proxy, DATABASE_POOL_SIZE=str(POOL_SIZE)) as service,
    ):
        first = CALL[module](service, "first")
        first.result()
        proxy.delay(DELAY_S)
        # No call ends while a busy machine makes the others.
        proxy.freeze()
        for number in range(CALLS):
            call(service, f"player-{number}")
        proxy.thaw()
        wait_until(lambda: len(ended) == CALLS, TIMEOUT_S + BUSY_MACHINE_S)
        proxy.delay(0)
        assert service.stop() == 0

    codes, refused_s, replied = Counter[grpc.StatusCode](), [], set()
    for who, (seconds, done) in ended.items():
        error = done.exception()
        if error is None:
            codes[grpc.StatusCode.OK] += 1
            replied.add(who)
            continue
        assert isinstance(error, grpc.RpcError)
        refused = refusal_of(error)
        codes[refused.code] += 1
        if refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            assert refused.retry_after_s
            if refused.message == "too many calls at once":
                refused_s.append(seconds)
    slowest_s = max(seconds for seconds, _ in ended.values())
    print(  # noqa: T201
        f"\n{module}: { {code.name: count for code, count in codes.items()} }; "
        f"excess refused after {max(refused_s):.2f} s, the slowest call {slowest_s:.1f} s"
    )
    assert set(codes) <= FINE
    # Some of the last may find a free thread again.
    assert CALLS - 3 * THREADS[module] <= len(refused_s) <= CALLS - THREADS[module]
    assert max(refused_s) < REFUSED_WITHIN_S * BUSY_FACTOR
    assert replied
    assert {who for (who,) in rows(database_url, STORED[module])} >= replied
