"""Callers that open calls and send nothing, or read nothing, take no thread and no memory from others."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import grpc
import pytest

from shared.rpc import open_calls
from shared.rpc.limits import Limits
from shared.runtime.telemetry import Telemetry
from tests.architecture.imports import ROOT
from tests.rpc.serving import METHOD, Method, code_of, empty, listening, start
from tests.support.raw_caller import RawCaller
from tests.support.waiting import wait_until

PATH = METHOD.removeprefix("/")
CHECK = "grpc.health.v1.Health/Check"
WATCH = "grpc.health.v1.Health/Watch"
REQUEST_TIMED_OUT = 4
OVERLOADED = 8
SHORT = Limits(body_timeout_s=0.5)


class Ordinary:
    """A caller at a steady rate, beside an attack."""

    def __init__(self, channel: grpc.Channel, per_s: float = 50) -> None:
        self.seconds: list[float] = []
        self.failures: list[grpc.StatusCode] = []
        self._channel = channel
        self._interval_s = 1 / per_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._call)

    def __enter__(self) -> Ordinary:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def p95_s(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1]

    def _call(self) -> None:
        while not self._over.wait(self._interval_s):
            for method in (METHOD, f"/{CHECK}"):
                started = time.monotonic()
                code = code_of(self._channel, method)
                self.seconds.append(time.monotonic() - started)
                if code is not grpc.StatusCode.OK:
                    self.failures.append(code)


@contextmanager
def served(
    reply: Method = empty, *, threads: int = 2, limits: Limits | None = None, telemetry: Telemetry | None = None
) -> Iterator[tuple[int, grpc.Channel]]:
    with (
        listening(reply, threads=threads, limits=limits, telemetry=telemetry) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) as channel,
    ):
        yield port, channel


def test_calls_without_a_request_hold_no_thread() -> None:
    telemetry = Telemetry()
    with served(telemetry=telemetry) as (port, channel), RawCaller(port) as attacker:
        for _ in range(32):
            attacker.open(PATH)
        wait_until(lambda: telemetry.registry.get_sample_value("rpc_calls_awaiting_body") == 32)
        assert telemetry.registry.get_sample_value("rpc_calls_in_progress") == 0
        assert code_of(channel, METHOD) is grpc.StatusCode.OK
        assert not attacker.statuses


def test_a_call_without_a_request_ends_with_a_status_that_the_retry_policy_does_not_repeat() -> None:
    telemetry = Telemetry()
    with served(limits=SHORT, telemetry=telemetry) as (port, _), RawCaller(port) as attacker:
        stream = attacker.open(PATH)
        wait_until(lambda: stream in attacker.statuses)
        assert attacker.statuses[stream].code == REQUEST_TIMED_OUT
        assert "did not arrive within 0.5 s" in attacker.statuses[stream].message
        labels = {"reason": "body"}
        assert telemetry.registry.get_sample_value("rpc_slow_callers_total", labels) == 1
        assert telemetry.registry.get_sample_value("rpc_calls_awaiting_body") == 0
    policy = json.loads((ROOT / "deploy/service_config.json").read_text("utf-8"))
    for method in policy["methodConfig"]:
        assert not {"DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"} & set(method["retryPolicy"]["retryableStatusCodes"])


def test_a_request_that_arrives_late_but_in_time_is_served() -> None:
    with served() as (port, _), RawCaller(port) as caller:
        stream = caller.open(PATH)
        other = caller.open(PATH)
        caller.send(other, b"")
        wait_until(lambda: other in caller.statuses)
        caller.send(stream, b"")
        wait_until(lambda: stream in caller.statuses)
        assert {caller.statuses[each].code for each in (stream, other)} == {0}


def test_a_request_that_arrives_after_the_call_was_ended_changes_nothing() -> None:
    requests: list[object] = []

    def reply(request: object, _context: object) -> bytes:
        requests.append(request)
        return b""

    with served(reply, limits=SHORT) as (port, channel), RawCaller(port) as attacker:
        stream = attacker.open(PATH)
        wait_until(lambda: stream in attacker.statuses)
        attacker.send(stream, b"")
        assert code_of(channel, METHOD) is grpc.StatusCode.OK
    assert len(requests) == 1


@pytest.mark.parametrize("method", [CHECK, WATCH, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"])
def test_health_checks_succeed_beside_calls_without_a_request(method: str) -> None:
    with served() as (port, channel), RawCaller(port) as attacker:
        for _ in range(70):
            attacker.open(method)
        for _ in range(20):
            assert code_of(channel, f"/{CHECK}") is grpc.StatusCode.OK
            assert code_of(channel, METHOD) is grpc.StatusCode.OK


def test_beyond_the_bound_the_greediest_connection_loses_its_longest_waiting_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_calls, "BODIES_MAX", 8)
    telemetry = Telemetry()

    def waiting() -> float:
        return telemetry.registry.get_sample_value("rpc_calls_awaiting_body") or 0

    with (
        served(limits=Limits(body_timeout_s=60), telemetry=telemetry) as (port, channel),
        RawCaller(port) as modest,
        RawCaller(port) as greedy,
    ):
        slow = modest.open(PATH)
        wait_until(lambda: waiting() == 1)
        attacks = [greedy.open(PATH) for _ in range(7)]
        wait_until(lambda: waiting() == 8)
        # Room is made once: all calls must have waited long enough by then.
        all_wait_since = time.monotonic()
        wait_until(lambda: time.monotonic() - all_wait_since > open_calls.BODY_YIELD_S)

        def works_until_calls_are_ended() -> bool:
            assert code_of(channel, METHOD) is grpc.StatusCode.OK
            return len(greedy.statuses) >= 2

        wait_until(works_until_calls_are_ended)
        assert list(greedy.statuses)[:2] == attacks[:2]
        assert {status.code for status in greedy.statuses.values()} == {OVERLOADED}
        modest.send(slow, b"")
        wait_until(lambda: slow in modest.statuses)
        assert modest.statuses[slow].code == 0


def test_half_sent_large_requests_are_bounded_without_any_new_call(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four requests of the largest size of this service, 1 MB.
    monkeypatch.setattr(open_calls, "BODIES_BYTES_MAX", 4 * 1024 * 1024)
    telemetry = Telemetry()

    def waiting() -> float:
        return telemetry.registry.get_sample_value("rpc_calls_awaiting_body") or 0

    with ExitStack() as stack:
        port, channel = stack.enter_context(served(limits=Limits(body_timeout_s=60), telemetry=telemetry))
        # Each on a connection of its own, so that none has more of them than another.
        attackers = [stack.enter_context(RawCaller(port)) for _ in range(20)]
        for attacker in attackers:
            attacker.open(PATH)
        wait_until(lambda: sum(len(attacker.statuses) for attacker in attackers) >= 16)
        wait_until(lambda: 0 < waiting() <= 4)
        assert {status.code for attacker in attackers for status in attacker.statuses.values()} == {OVERLOADED}
        assert code_of(channel, METHOD) is grpc.StatusCode.OK


def test_connections_are_closed_at_their_age_without_failing_a_call() -> None:
    ports: set[str] = set()

    def noting(_request: object, context: grpc.ServicerContext) -> bytes:
        ports.add(context.peer())
        return b""

    with served(noting, limits=Limits(connection_age_s=1)) as (_, channel), Ordinary(channel) as ordinary:
        wait_until(lambda: len(ports) >= 4, deadline_s=30)
    assert not ordinary.failures


def test_a_call_in_progress_survives_the_age_of_its_connection() -> None:
    release = threading.Event()

    def reply(request: object, context: object) -> bytes:  # noqa: ARG001 - the signature of a method
        release.wait(60)
        return b""

    with served(reply, limits=Limits(connection_age_s=1)) as (port, channel), RawCaller(port) as other:
        call = start(channel, METHOD, timeout=60)
        # Opened at the same time, and closed at its age.
        wait_until(lambda: not other.is_open or bool(other.goaways), deadline_s=60)
        release.set()
        assert call.result() == b""


@pytest.mark.slow
@pytest.mark.parametrize("method", [PATH, CHECK, WATCH])
def test_repeated_attacks_do_not_affect_an_ordinary_caller(method: str) -> None:
    with served(threads=4, limits=Limits(body_timeout_s=5)) as (port, channel):
        with Ordinary(channel) as before:
            wait_until(lambda: len(before.seconds) > 200, deadline_s=30)
        over = time.monotonic() + 60
        with Ordinary(channel) as during, ExitStack() as stack:
            while time.monotonic() < over:
                attacker = stack.enter_context(RawCaller(port))
                for _ in range(400):
                    attacker.open(method)
                seen, pause = len(during.seconds), time.monotonic() + 5
                wait_until(lambda seen=seen: len(during.seconds) > seen + 100, deadline_s=30)  # type: ignore[misc]
                assert time.monotonic() < pause + 25
    print(f"\np95 before {before.p95_s * 1e3:.1f} ms, during {during.p95_s * 1e3:.1f} ms, {len(during.seconds)} calls")  # noqa: T201
    assert not during.failures
    assert during.p95_s <= max(3 * before.p95_s, 0.05)
