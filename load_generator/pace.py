"""The schedule of requests: at fixed instants (open loop), or whenever a call ends (closed loop)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from load_generator.exchange import Exchange

Send = Callable[[int], bool]
"""Sends the next request, which was due at an instant in monotonic nanoseconds; returns False if there is none."""

_NS = 1_000_000_000


class Pace(Protocol):
    """Drives the exchange. `run_until` is called for each stretch of a run and continues where the last one ended."""

    def run_until(self, instant: int) -> bool:
        """Run until an instant in monotonic nanoseconds; return False if there is nothing more to send."""

    def call_ended(self) -> None:
        """Note that a call has ended, successfully or not."""


class OpenLoop:
    """Requests at a fixed rate, however slow the server is."""

    def __init__(self, exchange: Exchange, send: Send, rate: float, start: int, callers: int | None = None) -> None:
        """Send `rate` calls per second from the instant `start` on; at most `callers` calls are in flight."""
        self._exchange = exchange
        self._callers = math.inf if callers is None else callers
        self._in_flight_now = 0
        self._send = send
        self._interval = _NS / rate
        self._start = start
        self._sent = 0

    def run_until(self, instant: int) -> bool:
        """Send requests as they fall due; one due at `instant` belongs to the next stretch."""
        while True:
            now = time.monotonic_ns()
            due = self._due()
            while due <= now and due < instant and self._in_flight_now < self._callers:
                if not self._send(due):
                    return False
                self._sent += 1
                self._in_flight_now += 1
                due = self._due()
            if now >= instant:
                return True
            wake = min(due, instant) if self._in_flight_now < self._callers else instant
            self._exchange.step((wake - now) / _NS)

    def call_ended(self) -> None:
        """Note that a caller is free."""
        self._in_flight_now -= 1

    def _due(self) -> int:
        return self._start + round(self._sent * self._interval)


class ClosedLoop:
    """A fixed number of calls in flight."""

    def __init__(self, exchange: Exchange, send: Send, in_flight: int) -> None:
        self._exchange = exchange
        self._send = send
        self._in_flight = in_flight
        self._in_flight_now = 0

    def run_until(self, instant: int) -> bool:
        """Keep the number of calls in flight."""
        while (now := time.monotonic_ns()) < instant:
            while self._in_flight_now < self._in_flight:
                if not self._exchange.is_open or not self._send(now):
                    return False
                self._in_flight_now += 1
            self._exchange.step((instant - now) / _NS)
        return True

    def call_ended(self) -> None:
        """Make room for the next call."""
        self._in_flight_now -= 1
