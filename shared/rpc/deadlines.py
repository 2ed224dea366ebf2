"""The deadline of a call's waits: shortly before its caller stops listening."""

from __future__ import annotations

import time
from typing import Protocol

RESPONSE_MARGIN_S = 0.050
"""Time in seconds between the end of a wait and the caller's deadline, so that the response or error still arrives.

If the caller leaves less than twice this, half of the time is left for the wait.
"""

DEFAULT_S = 10.0
"""Time in seconds for calls without a deadline."""

LONGEST_S = 30.0
"""Maximum time in seconds that a call may occupy a thread, whatever its deadline."""

# gRPC reports some 9e18 seconds for a call without a deadline. The longest real deadline is far below this.
_NO_DEADLINE_S = 1e9


class TimedCall(Protocol):
    """The part of `grpc.ServicerContext` that knows the deadline."""

    def time_remaining(self) -> float | None:
        """Return the seconds left; None or an astronomically large number if the caller set no deadline."""


def deadline_of(context: TimedCall) -> float:
    """Return the time at which waits of this call must end, in seconds on the clock of `time.monotonic()`."""
    remaining_s = context.time_remaining()
    if remaining_s is None or remaining_s > _NO_DEADLINE_S:
        return time.monotonic() + DEFAULT_S
    return time.monotonic() + min(remaining_s - min(RESPONSE_MARGIN_S, remaining_s / 2), LONGEST_S)
