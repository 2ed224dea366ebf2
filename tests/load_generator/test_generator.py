"""The load generator, compared with gRPC's own client and server."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status

from load_generator.plan import ClosedLoop, OpenLoop
from tests.load_generator.servers import called, played, serving

ONE_AT_A_TIME = ClosedLoop(in_flight=1, connections=1)

# Lengths around the limits of frames, flow-control windows and length prefixes.
LENGTHS = (0, 1, 126, 127, 128, 16_379, 16_384, 65_530, 65_536, 1_000_000)


def test_requests_and_responses_of_any_length_arrive_complete() -> None:
    requests = [bytes([length % 251]) * length + length.to_bytes(4, "big") for length in LENGTHS]
    with serving({"Reverse": lambda request, _context: request[::-1]}) as port:
        run = played(port, "Reverse", requests, ClosedLoop(in_flight=4, connections=2))
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", -1)]) as channel:
            expected = [called(channel, "Reverse", request) for request in requests]
    assert run.failures == ""
    assert [run.responses[number] for number in range(len(requests))] == expected


def test_messages_on_streams_get_their_responses() -> None:
    requests = [bytes([length % 251]) * length for length in LENGTHS]
    pace = ClosedLoop(in_flight=4, connections=2, streams=3)
    with serving({"Reverse": lambda request, _context: request[::-1]}) as port:
        run = played(port, "StreamReverse", requests, pace)
    assert run.failures == ""
    assert [run.responses[number] for number in range(len(requests))] == [request[::-1] for request in requests]


def test_the_end_of_a_stream_ends_its_outstanding_messages() -> None:
    with serving({"Plain": REFUSALS["Plain"]}) as port:
        run = played(port, "StreamPlain", [b""] * 3, ClosedLoop(in_flight=3, connections=1, streams=1))
    assert run.played.codes == [grpc.StatusCode.INVALID_ARGUMENT.value[0]] * 3


def _abort(code: grpc.StatusCode, message: str, _request: bytes, context: grpc.ServicerContext) -> bytes:
    context.abort(code, message)


def _abort_with_details(_request: bytes, context: grpc.ServicerContext) -> bytes:
    detail = Any(type_url="type.googleapis.com/test", value=bytes(range(256)))
    status = Status(code=grpc.StatusCode.NOT_FOUND.value[0], message="no such thing", details=[detail])
    context.abort_with_status(rpc_status.to_status(status))


REFUSALS = {
    "Plain": lambda request, context: _abort(grpc.StatusCode.INVALID_ARGUMENT, "no", request, context),
    "Escaped": lambda request, context: _abort(grpc.StatusCode.UNAVAILABLE, "100 % café\n☃", request, context),
    "Empty": lambda request, context: _abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "", request, context),
    "Long": lambda request, context: _abort(grpc.StatusCode.ABORTED, "x" * 3_000, request, context),
    "Details": _abort_with_details,
}


@pytest.mark.parametrize("method", [*REFUSALS, "Unknown"])
def test_statuses_are_those_of_grpcs_own_client(method: str) -> None:
    with serving(REFUSALS) as port:
        run = played(port, method, [b""] * 3, ONE_AT_A_TIME)
        with (
            grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
            pytest.raises(grpc.RpcError) as refused,
        ):
            called(channel, method, b"")
    code = refused.value.code().value[0]
    assert run.played.codes == [code] * 3
    assert run.played.messages == {code: refused.value.details()}


def test_a_closed_loop_keeps_its_number_of_calls_in_flight() -> None:
    in_flight: list[int] = [0]
    seen: list[int] = []
    lock = threading.Lock()
    all_of_them = threading.Barrier(5)

    def method(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        with lock:
            in_flight[0] += 1
            seen.append(in_flight[0])
            is_early = len(seen) <= 5
        if is_early:
            all_of_them.wait(60)
        with lock:
            in_flight[0] -= 1
        return b""

    with serving({"Wait": method}) as port:
        run = played(port, "Wait", [b""], ClosedLoop(in_flight=5, connections=2), seconds=0.5, repeat=True)
    assert run.failures == ""
    assert max(seen) == 5
    assert run.played.succeeded <= len(run.played.codes) == len(seen)


def test_an_open_loop_charges_a_stall_to_all_calls_due_in_it() -> None:
    calls: list[float] = []

    def method(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        calls.append(time.monotonic())
        if len(calls) == 20:
            time.sleep(0.4)
        return b""

    with serving({"Stall": method}, threads=1) as port:
        run = played(port, "Stall", [b""], OpenLoop(rate=200, connections=1), seconds=1.0, repeat=True)
    assert run.failures == ""
    assert len(run.played.codes) == 200
    # 80 calls fall due while the server sleeps: one waits 400 ms, the next 395 ms, and so on.
    waited = [latency for latency in run.played.latencies_us if latency > 200_000]
    assert len(waited) >= 40
    assert max(waited) >= 400_000


def test_calls_fail_and_the_run_ends_when_the_server_stops() -> None:
    running = threading.Event()

    def method(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        running.set()
        return b""

    pace = ClosedLoop(in_flight=4, connections=2)
    with ThreadPoolExecutor(1) as pool:
        with serving({"Leave": method}) as port:
            future = pool.submit(played, port, "Leave", [b""], pace, seconds=60.0, repeat=True)
            assert running.wait(60)
        run = future.result(60)
    assert run.failed
    assert run.played.interval_s < 50
