"""How long a call may wait for something: until shortly before its caller stops listening."""

from __future__ import annotations

import time
from typing import Protocol

ANSWER_MARGIN_S = 0.050
"""A wait ends so long before the caller's deadline, so that the answer, even if it is an error, still arrives. Of a
time shorter than twice this, half is left for the wait."""

DEFAULT_S = 10.0
"""For callers that set no deadline."""

LONGEST_S = 30.0
"""No call parks a thread longer than this, whatever deadline it brings."""

_NONE_S = 1e9
# A call without a deadline has some 9e18 seconds left by gRPC's account; a caller's longest real one is far below this.


class TimedCall(Protocol):
    """The part of `grpc.ServicerContext` that knows the deadline."""

    def time_remaining(self) -> float | None:
        """Seconds left; None or astronomically many if the caller set no deadline."""


def deadline_of(context: TimedCall) -> float:
    """When waits of this call must end, on the clock of `time.monotonic()`, in seconds."""
    remaining_s = context.time_remaining()
    if remaining_s is None or remaining_s > _NONE_S:
        return time.monotonic() + DEFAULT_S
    return time.monotonic() + min(remaining_s - min(ANSWER_MARGIN_S, remaining_s / 2), LONGEST_S)
