"""Connections that misbehave, against gRPC's own server."""

from __future__ import annotations

import threading

import grpc

from attack.connection_attacks import HeldCalls, NeverReading
from tests.load_generator.servers import SERVICE, serving
from tests.support.waiting import wait_until


def test_calls_without_a_body_hold_the_threads_of_a_server() -> None:
    with (
        serving({"Echo": lambda request, _context: request}, threads=2) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        echo: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{SERVICE}/Echo")
        with HeldCalls(port, f"{SERVICE}/Echo", 2) as calls:
            wait_until(lambda: _times_out(echo))
            assert calls.ended == 0
        assert echo(b"again", timeout=60) == b"again"


def test_an_ended_call_is_counted_and_opened_again() -> None:
    with serving({}) as port, HeldCalls(port, f"{SERVICE}/Unknown", 2) as calls:
        wait_until(lambda: calls.ended > 4)


def test_calls_continue_although_no_response_is_read() -> None:
    called = threading.Semaphore(0)

    def method(request: bytes, _context: grpc.ServicerContext) -> bytes:
        called.release()
        return request * 100_000

    with serving({"Big": method}) as port, NeverReading(port, f"{SERVICE}/Big", b"x", connections=2):
        for _ in range(20):
            assert called.acquire(timeout=60)


def _times_out(echo: grpc.UnaryUnaryMultiCallable[bytes, bytes]) -> bool:
    try:
        echo(b"", timeout=0.2)
    except grpc.RpcError as error:
        return bool(error.code() is grpc.StatusCode.DEADLINE_EXCEEDED)
    return False
