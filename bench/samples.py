"""What is told of many measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(samples: Sequence[float], share: float) -> float:
    """The least sample that at least `share` (0 to 1) of all do not exceed; not a number if there is none."""
    if not samples:
        return math.nan
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(samples: Sequence[float]) -> float:
    """The middle sample; of two the mean; not a number if there is none."""
    if not samples:
        return math.nan
    ordered = sorted(samples)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def bounds_of_median(samples: Sequence[float]) -> tuple[float, float]:
    """Between these lies, with 95 % confidence, the median of what the samples were drawn from, whatever its shape.

    They are the samples whose ranks are 0.98 * sqrt(n) off the middle (the sign test's interval, by the normal
    approximation). Of fewer than six samples they are the extremes, and hold it less surely.
    """
    ordered = sorted(samples)
    if not ordered:
        return math.nan, math.nan
    off = 0.98 * math.sqrt(len(ordered))
    first = max(0, math.floor(len(ordered) / 2 - off))
    return ordered[first], ordered[-1 - first]
