"""Between SIGTERM and its end a service reports that it leaves, and goes on taking calls for `DRAIN_S`."""

from __future__ import annotations

import http.client
import itertools
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import ListChallengesRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2 import ReportEventRequest, Verdict
from challenge.v1.event_service_pb2_grpc import EventServiceStub
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from devstack.ports import LOOPBACK
from tests.support.event_messages import login
from tests.support.service_process import ServiceProcess, serving
from tests.support.services import rows
from tests.support.waiting import wait_until

DRAIN_S = 3.0
CALLS_PER_S = 100
CALL_TIMEOUT_S = 10.0


class Router:
    """A balancer like those of gRPC and of orchestrators: it calls instances that are healthy, as last seen."""

    def __init__(self, instances: list[ServiceProcess]) -> None:
        self._channels = [grpc.insecure_channel(f"{LOOPBACK}:{instance.port}") for instance in instances]
        self._healthy = dict.fromkeys(range(len(instances)), False)
        self._next = itertools.count()

    def channel(self) -> grpc.Channel:
        """Return the channel of the next healthy instance."""
        healthy = [index for index, well in self._healthy.items() if well]
        return self._channels[healthy[next(self._next) % len(healthy)]]

    def follow(self, index: int) -> None:
        """Follow the health of an instance until it ends."""
        try:
            watch = self._channels[index].unary_stream(
                "/grpc.health.v1.Health/Watch", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
            )
            for response in watch(HealthCheckRequest(), timeout=60):
                self._healthy[index] = response.status == HealthCheckResponse.SERVING
        except grpc.RpcError:
            self._healthy[index] = False

    def is_healthy(self, index: int) -> bool:
        """Return whether an instance was healthy when it was last seen."""
        return self._healthy[index]

    def close(self) -> None:
        """Close all connections."""
        for channel in self._channels:
            channel.close()


def call_until(over: threading.Event, router: Router) -> int:
    """Report events steadily, and return how many. No call is repeated, and a call that fails raises."""
    for number in itertools.count():
        if over.wait(1 / CALLS_PER_S):
            return number
        event = login(f"player {number % 20}", at=time.time_ns() // 1_000)
        EventServiceStub(router.channel()).ReportEvent(ReportEventRequest(event=event), timeout=CALL_TIMEOUT_S)
    raise AssertionError


@pytest.mark.slow
def test_callers_who_follow_health_see_no_failed_call_without_any_retry(database_url: str) -> None:
    over = threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor(4) as threads:
        instances = [
            stack.enter_context(serving("event_handler", database_url, DRAIN_S=str(DRAIN_S))) for _ in range(2)
        ]
        router = Router(instances)
        stack.callback(router.close)
        for index in range(2):
            threads.submit(router.follow, index)
        wait_until(lambda: router.is_healthy(0) and router.is_healthy(1))
        made = threads.submit(call_until, over, router)
        try:
            wait_until(lambda: rows(database_url, "SELECT count(*) > 20 FROM event_seen") == [(True,)])
            assert instances[0].stop(within_s=30) == 0
            assert router.is_healthy(1)
        finally:
            over.set()
        total = made.result()
        assert instances[1].stop(within_s=30) == 0
    assert rows(database_url, "SELECT count(*) FROM event_seen") == [(total,)], "each event counts once"


def test_new_connections_are_accepted_while_it_drains(database_url: str) -> None:
    with serving("challenge_service", database_url, DRAIN_S=str(DRAIN_S)) as service:
        asked = time.monotonic()
        service.signal(signal.SIGTERM)
        wait_until(lambda: service.health() == "NOT_SERVING")
        served = 0
        while time.monotonic() - asked < DRAIN_S / 2:
            with grpc.insecure_channel(
                f"{LOOPBACK}:{service.port}", [("grpc.use_local_subchannel_pool", 1)]
            ) as channel:
                ChallengeServiceStub(channel).ListChallenges(ListChallengesRequest(user_id="zoe"), timeout=60)
            served += 1
        assert served > 0
        assert service.wait(within_s=30) == 0
        assert time.monotonic() - asked >= DRAIN_S
        steps = [line["step"] for line in service.logged("part stopped")]
        assert steps.index("health") < steps.index("drain") < steps.index("streams") < steps.index("calls")


@pytest.mark.slow
def test_a_parent_is_not_ready_while_its_workers_drain(database_url: str) -> None:
    arguments = ("--workers", "2")
    environ = {"DRAIN_S": str(DRAIN_S), "CHALLENGE_HEALTH_PORT": "0"}
    with serving("challenge_service", database_url, *arguments, **environ) as service:
        port = service.wait_for("started workers")["health_port"]
        wait_until(lambda: status(port, "/readyz") == 200)
        service.signal(signal.SIGTERM)
        wait_until(lambda: status(port, "/readyz") == 503)
        assert status(port, "/livez") == 200
        service.challenges.ListChallenges(ListChallengesRequest(user_id="zoe"), timeout=60)
        assert service.wait(within_s=30) == 0


def test_a_second_signal_does_not_wait_for_the_drain(database_url: str) -> None:
    with serving("event_handler", database_url, DRAIN_S="60") as handler:
        result = handler.events.ReportEvent(
            ReportEventRequest(event=login(at=time.time_ns() // 1_000)), timeout=60
        ).result
        assert result.verdict == Verdict.VERDICT_APPLIED
        handler.signal(signal.SIGTERM)
        wait_until(lambda: handler.health() == "NOT_SERVING")
        handler.signal(signal.SIGTERM)
        assert handler.wait() == -signal.SIGTERM


def status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
