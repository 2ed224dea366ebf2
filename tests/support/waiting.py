"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_MIN_S = 0.002
POLL_MAX_S = 0.03
"""Pauses in seconds between two looks at a condition. They grow, because a look may be a call that costs CPU."""
DEADLINE_S = 60.0
"""Seconds until a condition that is not met fails the test. Only a test that fails waits this long."""


def wait_until(condition: Callable[[], T], deadline_s: float = DEADLINE_S) -> T:
    """Poll until `condition` returns a true value, and return it; fail the test after `deadline_s` seconds."""
    deadline = time.monotonic() + deadline_s
    pause_s = POLL_MIN_S
    while not (reply := condition()):
        assert time.monotonic() < deadline, f"condition not met after {deadline_s:g} s; last value: {reply!r}"
        time.sleep(pause_s)
        pause_s = min(1.2 * pause_s, POLL_MAX_S)
    return reply
