"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.01
DEADLINE_S = 60.0
"""Seconds until a condition that is not met fails the test. Only a test that fails waits this long."""


def wait_until(condition: Callable[[], T], deadline_s: float = DEADLINE_S) -> T:
    """Poll until `condition` returns a true value, and return it; fail the test after `deadline_s` seconds."""
    deadline = time.monotonic() + deadline_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"condition not met after {deadline_s:g} s; last value: {answer!r}"
        time.sleep(POLL_S)
    return answer
