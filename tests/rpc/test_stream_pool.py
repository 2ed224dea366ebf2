"""New streams wait for a place, in an order that a caller with many streams cannot abuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import grpc
import pytest

from shared.rpc import open_streams, server, side_pool, stream_pool
from shared.rpc.open_streams import PATIENCE
from shared.runtime.telemetry import Telemetry
from tests.rpc.echo_streams import METHOD, STREAMS, is_served, serving
from tests.support.raw_caller import RawCaller
from tests.support.waiting import wait_until

OVERLOADED = 8


@pytest.fixture
def endless_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No idle stream is ended."""
    monkeypatch.setattr(server, "PATIENCE", replace(PATIENCE, idle_s=60.0, greedy_s=60.0))


class Streams:
    """Numbers of streams of a server."""

    def __init__(self) -> None:
        self.telemetry = Telemetry()

    def wait(self, *, open_now: int, waiting: int) -> None:
        wait_until(lambda: (self._value("rpc_streams_open"), self._value("rpc_streams_waiting")) == (open_now, waiting))

    def _value(self, name: str) -> float:
        return self.telemetry.registry.get_sample_value(name) or 0.0


@contextmanager
def channel_to(port: int) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield channel


@pytest.mark.usefixtures("endless_patience")
def test_a_new_stream_is_refused_if_none_ends_or_becomes_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_pool, "WAIT_S", 0.2)
    streams = Streams()
    with serving(streams.telemetry) as port, RawCaller(port) as caller:
        opened = [caller.open(METHOD) for _ in range(STREAMS + 1)]
        wait_until(lambda: opened[-1] in caller.statuses)
        assert caller.statuses[opened[-1]].code == OVERLOADED
        assert len(caller.statuses) == 1


@pytest.mark.usefixtures("endless_patience")
def test_a_freed_place_goes_to_the_connection_with_the_fewest_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_pool, "WAIT_S", 60.0)
    streams = Streams()
    with (
        serving(streams.telemetry) as port,
        RawCaller(port) as greedy,
        channel_to(port) as channel,
        ThreadPoolExecutor(1) as pool,
    ):
        opened = [greedy.open(METHOD) for _ in range(STREAMS + 3)]
        streams.wait(open_now=STREAMS, waiting=3)
        served = pool.submit(is_served, channel)
        streams.wait(open_now=STREAMS, waiting=4)
        greedy.send(opened[0], b"")
        assert served.result()
        streams.wait(open_now=STREAMS, waiting=2)


@pytest.mark.usefixtures("endless_patience")
def test_when_the_queue_is_full_the_connection_with_the_most_streams_loses_its_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_pool, "WAIT_S", 60.0)
    monkeypatch.setattr(stream_pool, "WAITING_MAX", 2)
    streams = Streams()
    with (
        serving(streams.telemetry) as port,
        RawCaller(port) as greedy,
        channel_to(port) as channel,
        ThreadPoolExecutor(1) as pool,
    ):
        opened = [greedy.open(METHOD) for _ in range(STREAMS + 2)]
        streams.wait(open_now=STREAMS, waiting=2)
        excess = greedy.open(METHOD)
        wait_until(lambda: excess in greedy.statuses)
        served = pool.submit(is_served, channel)
        wait_until(lambda: opened[-1] in greedy.statuses)
        assert {stream: status.code for stream, status in greedy.statuses.items()} == {
            excess: OVERLOADED,
            opened[-1]: OVERLOADED,
        }
        greedy.send(opened[0], b"")
        assert served.result()


def test_a_connection_that_opens_a_stream_for_each_that_is_ended_denies_streams_to_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_streams, "GREEDY_STREAMS", STREAMS)
    over = threading.Event()

    def attack(attacker: RawCaller) -> None:
        opened = [attacker.open(METHOD) for _ in range(4 * STREAMS)]
        while not over.wait(0.01):
            opened = [stream if stream not in attacker.statuses else attacker.open(METHOD) for stream in opened]

    with serving() as port, RawCaller(port) as attacker, channel_to(port) as channel, ThreadPoolExecutor(1) as pool:
        attack_ended = pool.submit(attack, attacker)
        try:
            wait_until(lambda: attacker.statuses)
            assert all(is_served(channel) for _ in range(10))
        finally:
            over.set()
        attack_ended.result()


@pytest.mark.usefixtures("endless_patience")
def test_streams_that_wait_end_with_their_caller_or_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_pool, "WAIT_S", 60.0)
    streams = Streams()
    with serving(streams.telemetry) as port, RawCaller(port) as stays:
        for _ in range(STREAMS):
            stays.open(METHOD)
        streams.wait(open_now=STREAMS, waiting=0)
        with RawCaller(port) as leaves:
            leaves.open(METHOD)
            streams.wait(open_now=STREAMS, waiting=1)
        streams.wait(open_now=STREAMS, waiting=0)
        stays.open(METHOD)
        streams.wait(open_now=STREAMS, waiting=1)
    streams.wait(open_now=0, waiting=0)


@pytest.mark.parametrize(
    "method", ["grpc.health.v1.Health/Watch", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"]
)
def test_watches_and_reflection_of_one_caller_leave_room_for_others(method: str) -> None:
    with serving() as port, RawCaller(port) as greedy, channel_to(port) as channel:
        for _ in range(side_pool.STREAMS_MAX):
            greedy.send(greedy.open(method), b"", last=False)
        wait_until(lambda: greedy.responses == side_pool.STREAMS_MAX)
        call: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(f"/{method}")
        stream = call(iter([b""]), timeout=60)
        next(stream)
        (ended,) = wait_until(lambda: list(greedy.statuses.values()))
        assert ended.code == OVERLOADED
        stream.cancel()
