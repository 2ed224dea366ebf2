"""The wall clock, read in one place; everything else is given `now` or a `Clock`.

Deadlines and durations are measured with `time.monotonic`, which no administrator can move.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from shared.domain.instant import Instant

Clock: TypeAlias = Callable[[], Instant]
"""Answers the present instant."""


def system_clock() -> Instant:
    """The present instant by the system's clock, in UTC."""
    return time.time_ns() // 1_000
