"""Calls leave nothing to the garbage collector, which services run rarely."""

from __future__ import annotations

import gc
import logging

import grpc
import pytest

from shared.domain.errors import DatabaseUnavailable, InvalidRequest
from tests.rpc.serving import METHOD, Method, code_of, empty, running

CALLS = 100
ROUNDS = 5


def invalid(_request: object, _context: object) -> bytes:
    """Refuse the request."""
    raise InvalidRequest.of("user_id", "is required")


def unavailable(_request: object, _context: object) -> bytes:
    """End in an error that was caused by another one."""
    try:
        raise ValueError("the connection is lost")
    except ValueError as error:
        raise DatabaseUnavailable from error


def faulty(_request: object, _context: object) -> bytes:
    """End in an error that nothing expects."""
    raise RuntimeError("a bug")


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        (empty, b"", grpc.StatusCode.OK),
        (empty, b"\xff" * 100, grpc.StatusCode.INVALID_ARGUMENT),
        (invalid, b"", grpc.StatusCode.INVALID_ARGUMENT),
        (unavailable, b"", grpc.StatusCode.UNAVAILABLE),
        (faulty, b"", grpc.StatusCode.INTERNAL),
    ],
    ids=["succeeded", "malformed", "refused", "unavailable", "bug"],
)
def test_calls_leave_no_circles_of_references(
    method: Method, request_: bytes, code: grpc.StatusCode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    codes: set[grpc.StatusCode] = set()

    def circles() -> int:
        codes.update(code_of(channel, METHOD, request_) for _ in range(CALLS))
        return gc.collect()

    with running(method) as channel:
        circles()
        gc.disable()
        try:
            # Calls would leave some in every round. Other threads of a test runner leave some in a few.
            assert min(circles() for _ in range(ROUNDS)) < CALLS
        finally:
            gc.enable()
    assert codes == {code}
