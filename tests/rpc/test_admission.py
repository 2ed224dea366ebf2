"""Overload: more calls than threads."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo  # type: ignore[import-untyped]

from shared.rpc import call_pool
from shared.runtime.telemetry import Telemetry
from tests.rpc.serving import METHOD, code_of, details_of, failure_of, initialize, running, start
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.waiting import wait_until

SLOTS = 4
CALLS = 500
REFUSED_WITHIN_S = 0.300
ROUNDS_MAX = 40


class Crowd:
    """Concurrent calls, with the duration and the outcome of each."""

    def __init__(self, channel: grpc.Channel, count: int) -> None:
        self.ended: list[tuple[grpc.StatusCode, float]] = []
        self._calls = [self._start(channel) for _ in range(count)]

    def codes(self) -> Counter[grpc.StatusCode]:
        return Counter(code for code, _ in list(self.ended))

    def _start(self, channel: grpc.Channel) -> object:
        started = time.monotonic()
        call = start(channel, METHOD, timeout=30)
        call.add_done_callback(lambda done: self.ended.append((done.code(), time.monotonic() - started)))
        return call


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Return the path of the file that lets the slow calls end."""
    return tmp_path / "released"


@pytest.fixture
def slow_server(released: Path) -> Iterator[grpc.Channel]:
    """Yield a channel to a server whose calls wait for `released`."""
    command = [sys.executable, "-m", "tests.rpc.slow_server", str(SLOTS), str(released)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            yield channel
        released.touch()


def is_responding(channel: grpc.Channel) -> bool:
    """Return whether a health check succeeds."""
    return code_of(channel, "/grpc.health.v1.Health/Check") is grpc.StatusCode.OK


def test_the_excess_of_500_calls_at_once_is_refused_within_300_ms(slow_server: grpc.Channel, released: Path) -> None:
    assert is_responding(slow_server)
    for _ in range(ROUNDS_MAX):
        crowd = Crowd(slow_server, CALLS)
        assert is_responding(slow_server)
        wait_until(lambda crowd=crowd: len(crowd.ended) >= CALLS - SLOTS)  # type: ignore[misc]
        assert crowd.codes() == {grpc.StatusCode.RESOURCE_EXHAUSTED: CALLS - SLOTS}
        slowest_s = max(seconds for _, seconds in crowd.ended)
        released.touch()
        wait_until(lambda crowd=crowd: len(crowd.ended) == CALLS)  # type: ignore[misc]
        assert crowd.codes()[grpc.StatusCode.OK] == SLOTS
        released.unlink()
        # A round may be slow, because the machine may be busy.
        if slowest_s < REFUSED_WITHIN_S * BUSY_FACTOR:
            return
    pytest.fail(f"no round was quick; in the last one a refusal took {slowest_s:.2f} s")


def test_a_refused_call_gets_a_retry_delay() -> None:
    release = threading.Event()
    telemetry = Telemetry()

    def reply(request: object, context: object) -> bytes:  # noqa: ARG001 - the signature of a method
        release.wait(60)
        return b""

    with running(reply, threads=1, telemetry=telemetry) as channel:
        crowd = Crowd(channel, 1)
        wait_until(lambda: telemetry.registry.get_sample_value("rpc_calls_in_progress") == 1)
        failure = failure_of(channel)
        release.set()
        wait_until(lambda: crowd.codes() == {grpc.StatusCode.OK: 1})
        assert initialize(channel) == b""
    details = details_of(failure)
    assert details[ErrorInfo].reason == "OVERLOADED"
    assert details[RetryInfo].retry_delay.nanos == 200_000_000


def test_a_call_that_ends_without_a_request_is_invalid() -> None:
    with running() as channel:
        silent: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(METHOD)
        with pytest.raises(grpc.RpcError) as refused:
            silent(iter(()), timeout=60)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_short_stall_fails_no_call() -> None:
    release = threading.Event()
    telemetry = Telemetry()

    def reply(request: object, context: object) -> bytes:  # noqa: ARG001 - the signature of a method
        release.wait(60)
        return b""

    with running(reply, threads=2, telemetry=telemetry) as channel:
        # On a busy machine a stall may be long: one round suffices.
        for _ in range(ROUNDS_MAX):
            release.clear()
            crowd = Crowd(channel, 20)
            wait_until(lambda: telemetry.registry.get_sample_value("rpc_calls_waiting"))
            release.set()
            wait_until(lambda crowd=crowd: len(crowd.ended) == 20)  # type: ignore[misc]
            if crowd.codes() == {grpc.StatusCode.OK: 20}:
                return
    pytest.fail(f"calls failed in every round; in the last one {crowd.codes()}")


def test_slots_are_released_however_calls_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The response arrives before its thread is free. The next call waits for the thread, however busy the machine is.
    monkeypatch.setattr(call_pool, "WAIT_S", 60.0)

    def reply(request: object, context: object) -> bytes:  # noqa: ARG001 - the signature of a method
        raise ValueError("a bug")

    caplog.set_level("CRITICAL", logger="shared.rpc.statuses")
    with running(reply, threads=1) as channel:
        for raw in (b"", b"\xff") * 5:
            assert failure_of(channel, raw).code() is not grpc.StatusCode.RESOURCE_EXHAUSTED
