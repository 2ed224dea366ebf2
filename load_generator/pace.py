"""When the next request is due: at fixed instants (open loop), or when another has been answered (closed loop)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from load_generator.exchange import Exchange

Send = Callable[[int], bool]
"""Sends the next request, which was due at an instant (monotonic nanoseconds); False if there is none left."""

_NS = 1_000_000_000


class Pace(Protocol):
    """Drives the exchange. `run_until` is called once for each stretch of a run, and goes on where the last ended."""

    def run_until(self, instant: int) -> bool:
        """Run until an instant in monotonic nanoseconds; False if there is nothing more to send."""

    def answered(self) -> None:
        """A call has ended, well or not."""


class OpenLoop:
    """Requests at even distances, whatever the server does."""

    def __init__(self, exchange: Exchange, send: Send, rate: float, start: int, callers: int | None = None) -> None:
        """`rate` is in calls a second, `start` the instant of the first; at most `callers` calls are under way."""
        self._exchange = exchange
        self._callers = math.inf if callers is None else callers
        self._under_way = 0
        self._send = send
        self._interval = _NS / rate
        self._start = start
        self._sent = 0

    def run_until(self, instant: int) -> bool:
        """Send what falls due; a request due at `instant` belongs to the next stretch."""
        while True:
            now = time.monotonic_ns()
            due = self._due()
            while due <= now and due < instant and self._under_way < self._callers:
                if not self._send(due):
                    return False
                self._sent += 1
                self._under_way += 1
                due = self._due()
            if now >= instant:
                return True
            wake = min(due, instant) if self._under_way < self._callers else instant
            self._exchange.step((wake - now) / _NS)

    def answered(self) -> None:
        """A caller is free."""
        self._under_way -= 1

    def _due(self) -> int:
        return self._start + round(self._sent * self._interval)


class ClosedLoop:
    """A fixed number of calls under way."""

    def __init__(self, exchange: Exchange, send: Send, in_flight: int) -> None:
        self._exchange = exchange
        self._send = send
        self._in_flight = in_flight
        self._under_way = 0

    def run_until(self, instant: int) -> bool:
        """Keep the calls going."""
        while (now := time.monotonic_ns()) < instant:
            while self._under_way < self._in_flight:
                if not self._exchange.is_open or not self._send(now):
                    return False
                self._under_way += 1
            self._exchange.step((instant - now) / _NS)
        return True

    def answered(self) -> None:
        """Make room for the next."""
        self._under_way -= 1
