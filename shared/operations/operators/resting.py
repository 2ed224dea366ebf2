"""Rests between the steps of work for operators, so that players and events beside it wait little longer."""

from __future__ import annotations

import time

REST_FACTOR = 9.0
"""Seconds of rest for a second of work: one connection keeps a tenth of a core busy."""
REST_MAX_S = 0.5
"""The longest rest. A step that takes a tenth of that or longer waits for others most of the time."""


def rest_after(started: float, factor: float = REST_FACTOR) -> float:
    """Rest after a step that began at `started`, in monotonic seconds, and return the begin of the next step.

    The rest is `factor` times as long as the step.
    """
    time.sleep(min(factor * (time.monotonic() - started), REST_MAX_S))
    return time.monotonic()
