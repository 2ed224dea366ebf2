"""A clock for upper bounds of time that does not advance while the machine gives this process no CPU.

A machine that is shared stands still for a second now and then. What a test measures across such a stall says nothing
about the code. A thread that wakes every few milliseconds notices stalls: it wakes late.
"""

from __future__ import annotations

import threading
import time
from functools import cache

TICK_S = 0.01
GAP_MAX_S = 2 * TICK_S
"""Longest time in seconds that counts between two ticks. Whatever a tick is later than this was a stall."""


class _Ticker(threading.Thread):
    """Adds up the time between its ticks."""

    def __init__(self) -> None:
        super().__init__(name="unstalled clock", daemon=True)
        self.elapsed_s = 0.0

    def run(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(TICK_S)
            now = time.monotonic()
            self.elapsed_s += min(now - last, GAP_MAX_S)
            last = now


@cache
def _ticker() -> _Ticker:
    ticker = _Ticker()
    ticker.start()
    return ticker


def unstalled_s() -> float:
    """Return seconds since some moment, stalls left out. It advances by ticks: use it for upper bounds only."""
    return _ticker().elapsed_s
