"""The wall clock, read in one place; everything else receives `now` or a `Clock`.

Deadlines and durations are measured with `time.monotonic`, which no administrator can move.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from shared.domain.instant import Instant

Clock: TypeAlias = Callable[[], Instant]
"""Return the present instant."""


def system_clock() -> Instant:
    """Return the present instant by the system's clock, in UTC."""
    return time.time_ns() // 1_000
