"""The deadlines of waits."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from types import SimpleNamespace

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rpc.deadlines import DEFAULT_S, LONGEST_S, RESPONSE_MARGIN_S, deadline_of
from tests.rpc.serving import initialize, running

YEAR_S = 365 * 86_400

NOW_S = 1_000.0
TIMEOUT_UNIT_S = 0.010
"""gRPC rounds a timeout of seconds up to hundredths before it sends it."""


@dataclass
class Call:
    """A call with a given remaining time."""

    remaining_s: float | None

    def time_remaining(self) -> float | None:
        return self.remaining_s


def wait_of(remaining_s: float | None) -> float:
    """Return how long a call with this remaining time may wait, in seconds."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("shared.rpc.deadlines.time", SimpleNamespace(monotonic=lambda: NOW_S))
        return deadline_of(Call(remaining_s)) - NOW_S


def wait_over_the_wire(timeout: float | None) -> float:
    """Return how long a call with this deadline may wait, as a real server sees it."""

    def reply(request: object, context: grpc.ServicerContext) -> bytes:  # noqa: ARG001 - the signature of a method
        return struct.pack("d", deadline_of(context) - time.monotonic())

    with running(reply) as channel:
        seconds: float
        (seconds,) = struct.unpack("d", initialize(channel, timeout=timeout))
        return seconds


@pytest.mark.parametrize(
    ("timeout", "expected"), [(None, DEFAULT_S), (YEAR_S, LONGEST_S), (5.0, 5.0 - RESPONSE_MARGIN_S)]
)
def test_a_wait_ends_before_its_caller_stops_listening(timeout: float | None, expected: float) -> None:
    began = time.monotonic()
    wait_s = wait_over_the_wire(timeout)
    took_s = time.monotonic() - began
    assert expected - took_s - TIMEOUT_UNIT_S < wait_s <= expected + TIMEOUT_UNIT_S


def test_the_default_deadline_is_ten_seconds() -> None:
    assert wait_of(None) == pytest.approx(10)


@given(st.floats(0, 2 * YEAR_S))
def test_a_wait_always_leaves_time_for_the_response(remaining_s: float) -> None:
    wait = wait_of(remaining_s)
    assert wait <= LONGEST_S
    assert wait <= remaining_s - min(RESPONSE_MARGIN_S, remaining_s / 2) + 1e-6
    assert wait >= min(remaining_s / 2, LONGEST_S) - 1e-6


def test_half_of_a_short_deadline_is_left_for_waiting() -> None:
    assert wait_of(0.040) == pytest.approx(0.020)
