"""Several workers on one port: one may die, and callers who retry lose nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.challenge_service_pb2 import ListChallengesRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from devstack.ports import LOOPBACK
from tests.runtime.processes import metrics_at, samples
from tests.support.busy_machine import BUSY_MACHINE_S
from tests.support.event_messages import login
from tests.support.service_process import EITHER_SERVICE, ServiceProcess, serving
from tests.support.services import CHANNEL_OPTIONS, rows
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

CONNECTIONS = 16
"""The kernel spreads connections over the workers: the chance that one of two gets all 16 is 1 in 32,000."""
CALLS_EACH = 40
SUCCEEDS_WITHIN_S = 20.0
REPLACED_WITHIN_S = 2.0
"""It takes 0.2 s on a quiet machine (`python -m bench workers`); tests may run on a busy one."""


@pytest.fixture(params=EITHER_SERVICE)
def service(request: pytest.FixtureRequest, database_url: str) -> Iterator[ServiceProcess]:
    """Start a service with two workers."""
    with serving(request.param, database_url, "--workers", "2") as service:
        service.wait_for("started", count=2)
        yield service


def connected(port: int) -> grpc.Channel:
    """Return the connection of another caller."""
    return grpc.insecure_channel(f"{LOOPBACK}:{port}", options=CHANNEL_OPTIONS)


def retried(call: Callable[[], object]) -> int:
    """Repeat the call unchanged until it succeeds, and return the number of retries."""
    retries, deadline = 0, time.monotonic() + SUCCEEDS_WITHIN_S
    while True:
        try:
            call()
        except grpc.RpcError:
            assert time.monotonic() < deadline
            retries += 1
        else:
            return retries


def list_often(port: int) -> int:
    """List often over one connection, and return the number of retries."""
    request = ListChallengesRequest(user_id="player")
    with connected(port) as channel:
        stub = ChallengeServiceStub(channel)
        return sum(retried(lambda: stub.ListChallenges(request, timeout=10)) for _ in range(CALLS_EACH))


def report_often(port: int) -> int:
    """Report many logins over one connection, and return the number of retries."""
    with connected(port) as channel:
        stub = EventServiceStub(channel)
        requests = [rpc.ReportEventRequest(event=login(at=time.time_ns() // 1_000)) for _ in range(CALLS_EACH)]
        return sum(retried(partial(stub.ReportEvent, request, timeout=10)) for request in requests)


def calls_by_worker(metrics_port: int) -> list[float]:
    """Return the number of calls that each of two workers has taken."""
    counted = samples(metrics_at(metrics_port), "rpc_server_call_duration_seconds_count")
    return [sum(n for labels, n in counted.items() if f'worker="{worker}"' in labels) for worker in (0, 1)]


@pytest.mark.slow
def test_both_workers_serve_calls_and_a_killed_one_is_replaced(service: ServiceProcess, database_url: str) -> None:
    started = service.wait_for("started workers")
    port = started["metrics_port"]
    call_often = report_often if started["service"] == "event_handler" else list_often
    with ThreadPoolExecutor(CONNECTIONS) as callers:
        assert sum(callers.map(call_often, [service.port] * CONNECTIONS)) == 0
    # The page omits a worker that is too busy to return its metrics in time.
    wait_until(lambda: all(by_worker := calls_by_worker(port)) and sum(by_worker) == CONNECTIONS * CALLS_EACH)

    with ThreadPoolExecutor(CONNECTIONS) as callers:
        calling = [callers.submit(call_often, service.port) for _ in range(CONNECTIONS)]
        os.kill(service.wait_for("serving")["pid"], signal.SIGKILL)
        assert service.wait_for("a worker died and is replaced")["exit_code"] == -signal.SIGKILL
        for each in calling:
            each.result()
    if call_often is report_often:
        assert rows(database_url, "SELECT sum(events)::int FROM tally WHERE schedule = 'lifetime'") == [
            (2 * CONNECTIONS * CALLS_EACH,)
        ]

    service.wait_for("started", count=3)
    call_often(service.port)
    service.wait_until_serving()
    assert service.stop() == 0


@pytest.mark.slow
def test_a_killed_worker_is_replaced_by_the_standby_process(service: ServiceProcess) -> None:
    for killed in (1, 2):
        standing_by = service.wait_for("standing by to replace a worker", count=killed)["pid"]
        os.kill(service.logged("started")[killed - 1]["pid"], signal.SIGKILL)
        at = unstalled_s()
        replacement = service.wait_for("serving", count=2 + killed)
        assert unstalled_s() - at < REPLACED_WITHIN_S + BUSY_MACHINE_S
        assert replacement["pid"] == standing_by
    assert service.stop() == 0
