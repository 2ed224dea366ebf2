"""Limits of callers, over real connections: one that floods spends its own share, and others keep theirs."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo  # type: ignore[import-untyped]

from shared.callers.callers_file import read_callers
from shared.callers.live_callers import LiveCallers
from shared.domain.access import Caller
from shared.domain.caller_limits import CallerLimits, Limit
from shared.rpc import caller_quotas
from shared.rpc.caller_quotas import CallerQuotas, note_new_player
from shared.rpc.late_refusals import DELAY_S
from shared.rpc.server import Server, ServiceBinding
from shared.runtime.health import Health
from shared.runtime.ports import Endpoint
from shared.runtime.telemetry import Telemetry
from tests.rpc.echo_streams import Echo
from tests.rpc.serving import SERVICE, Scripted, details_of
from tests.rpc.test_caller_gate import EVENTS, STREAM, bearer
from tests.support.tokens import key_entry

FLOODING, CALM = "chk_flooding", "chk_calm"
METHOD = f"/{SERVICE.full_name}/InitializePlayer"
LIST = f"/{SERVICE.full_name}/ListChallenges"
REPORT = f"/{EVENTS.full_name}/ReportEvents"
CALLS = 60
IN_FLIGHT = 20


class Reporting(Echo):
    """Takes events, and echoes streams."""

    def ReportEvents(self, request: Any, _context: object) -> Any:  # noqa: N802
        """Take a batch."""
        return event_service_pb2.ReportEventsResponse(
            results=[event_service_pb2.EventResult(event_id=event.event_id) for event in request.events]
        )


class Limited:
    """A server whose callers have these limits, and a connection for each caller."""

    def __init__(self, telemetry: Telemetry, channels: dict[str, grpc.Channel]) -> None:
        self.telemetry = telemetry
        self._channels = channels

    def call(self, caller: str, method: str, raw: bytes = b"") -> Any:
        """Return the status code of a call, and its details."""
        send: Any = self._channels[caller].unary_unary(method)
        try:
            send(raw, timeout=60, metadata=bearer(caller))
        except grpc.RpcError as error:
            return error
        return None

    def stream(self, caller: str) -> tuple[Any, SimpleQueue[bytes | None]]:
        """Open a stream."""
        requests: SimpleQueue[bytes | None] = SimpleQueue()
        send: Any = self._channels[caller].stream_stream(STREAM)
        return send(iter(requests.get, None), metadata=bearer(caller), timeout=30), requests

    def counted(self, limit: str) -> float:
        """Return the number of refusals."""
        return self.telemetry.registry.get_sample_value("rpc_callers_limited_total", {"limit": limit}) or 0.0


def limit_of(error: Any) -> tuple[str, str, float]:
    """Return the reason, the limit and the delay of a refusal."""
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    info, retry = details_of(error)[ErrorInfo], details_of(error)[RetryInfo]
    return info.reason, info.metadata["limit"], retry.retry_delay.ToTimedelta().total_seconds()


@contextmanager
def limited(limits: str) -> Iterator[Limited]:
    """Run a server; the calm caller has no limits."""
    roles = ("players:read", "players:write", "events:write")
    text = key_entry("flooding", FLOODING, *roles) + f"limits = {{ {limits} }}\n" + key_entry("calm", CALM, *roles)
    telemetry = Telemetry()

    def respond(request: Any, _context: object) -> bytes:
        if isinstance(request, rpc.InitializePlayerRequest) and request.user_id.startswith("new"):
            note_new_player()
        return b""

    server = Server(
        Endpoint("127.0.0.1", 0, setting="PORT"),
        [ServiceBinding(SERVICE, Scripted(respond)), ServiceBinding(EVENTS, Reporting(respond))],
        threads=4,
        streams=4,
        health=Health([]),
        telemetry=telemetry,
        callers=LiveCallers(read_callers([text.encode()])),
    )
    port = server.start()
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = {each: grpc.insecure_channel(f"127.0.0.1:{port}", options) for each in (FLOODING, CALM)}
    try:
        yield Limited(telemetry, channels)
    finally:
        for channel in channels.values():
            channel.close()
        server.stop(0)


def batch(count: int) -> bytes:
    events = [event_service_pb2.Event(event_id=str(number), user_id="player") for number in range(count)]
    return event_service_pb2.ReportEventsRequest(events=events).SerializeToString()


def test_a_caller_that_floods_is_refused_and_another_is_not() -> None:
    with limited("calls_per_s = 10") as server:
        began = time.monotonic()
        flooding = [server.call(FLOODING, LIST) for _ in range(CALLS)]
        took_s = time.monotonic() - began
        calm = [server.call(CALM, LIST) for _ in range(CALLS)]
        refused = [error for error in flooding if error is not None]
        assert calm == [None] * CALLS
        assert len(flooding) - len(refused) <= 10 + 10 * took_s + 1
        reason, limit, delay_s = limit_of(refused[0])
        assert (reason, limit) == ("CALLER_LIMIT_REACHED", "calls_per_s")
        assert 0 < delay_s <= 1
        assert server.counted("calls_per_s") == len(refused)
        labels = {"reason": "CALLER_LIMIT_REACHED"}
        assert server.telemetry.registry.get_sample_value("rpc_callers_refused_total", labels) == len(refused)
        faults = Counter(
            sample.labels["error_type"]
            for family in server.telemetry.registry.collect()
            for sample in family.samples
            if sample.name == "rpc_server_call_duration_seconds_count"
        )
        assert set(faults) == {""}


def test_refusals_come_late_so_that_a_caller_cannot_keep_a_worker_busy_with_them() -> None:
    with limited("calls_per_s = 1") as server:
        server.call(FLOODING, LIST)
        began = time.monotonic()
        assert server.call(FLOODING, LIST) is not None
        assert time.monotonic() - began >= DELAY_S
        with ThreadPoolExecutor(IN_FLIGHT) as callers:
            began = time.monotonic()
            refused = sum(error is not None for error in callers.map(partial(server.call, FLOODING), [LIST] * CALLS))
            took_s = time.monotonic() - began
        assert refused <= IN_FLIGHT * (took_s / DELAY_S + 1)
        assert server.call(CALM, LIST) is None


def test_a_batch_over_the_limit_leaves_a_debt() -> None:
    with limited("events_per_s = 100") as server:
        began = time.monotonic()
        assert server.call(FLOODING, REPORT, batch(500)) is None
        reason, limit, delay_s = limit_of(server.call(FLOODING, REPORT, batch(1)))
        assert (reason, limit) == ("CALLER_LIMIT_REACHED", "events_per_s")
        assert 3.98 - (time.monotonic() - began) < delay_s <= 4.02
        assert server.call(CALM, REPORT, batch(1_000)) is None
        assert server.call(FLOODING, LIST) is None


def test_only_new_players_count_against_their_limit() -> None:
    with limited("new_players_per_s = 2") as server:

        def initialize(user_id: str) -> Any:
            request = rpc.InitializePlayerRequest(user_id=user_id)
            return server.call(FLOODING, METHOD, request.SerializeToString())

        assert [initialize("known") for _ in range(20)] == [None] * 20
        began = time.monotonic()
        errors = [initialize(f"new {number}") for number in range(10)]
        took_s = time.monotonic() - began
        refused = [error for error in errors if error is not None]
        assert len(errors) - len(refused) <= 2 + 2 * took_s + 1
        assert limit_of(refused[0])[:2] == ("CALLER_LIMIT_REACHED", "new_players_per_s")


def test_streams_beyond_the_limit_are_refused() -> None:
    with limited("streams_per_s = 1") as server:
        began = time.monotonic()
        streams = [server.stream(FLOODING) for _ in range(3)]
        refused = []
        for call, requests in streams:
            requests.put(batch(1))
            try:
                assert next(call)
            except grpc.RpcError as error:
                refused.append(limit_of(error)[:2])
            requests.put(None)
        took_s = time.monotonic() - began
        assert len(streams) - len(refused) <= 1 + took_s
        assert set(refused) == {("CALLER_LIMIT_REACHED", "streams_per_s")}


def test_a_stream_is_held_back_and_ended_only_by_a_large_debt() -> None:
    with limited("events_per_s = 100") as server:
        call, requests = server.stream(FLOODING)
        began = time.monotonic()
        for _ in range(3):
            requests.put(batch(100))
        for _ in range(3):
            assert next(call)
        assert time.monotonic() - began > 0.9
        requests.put(batch(1_000))
        requests.put(batch(1))
        assert next(call)
        with pytest.raises(grpc.RpcError) as ended:
            next(call)
        assert limit_of(ended.value)[:2] == ("CALLER_LIMIT_REACHED", "events_per_s")
        requests.put(None)


def test_memory_is_bounded_whatever_the_number_of_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller_quotas, "BUCKETS_MAX", 1_000)
    quotas = CallerQuotas(Telemetry(), lambda: 0.0)
    limits = CallerLimits(calls=5.0)
    tracemalloc.start()
    try:
        for number in range(20_000):
            assert (
                quotas.refusal(Caller("players", frozenset(), f"player {number}", limits=limits), Limit.CALLS) is None
            )
            assert quotas.remembered <= 2_000
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
    flooding = Caller("players", frozenset(), "player 19999", limits=limits)
    assert [quotas.refusal(flooding, Limit.CALLS) for _ in range(4)] == [None] * 4
    assert quotas.refusal(flooding, Limit.CALLS) is not None
