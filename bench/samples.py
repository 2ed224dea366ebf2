"""Statistics of repeated measurements."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from bench.figures import number


class Ratio(NamedTuple):
    """The median ratio of several rounds, and its range."""

    value: float
    least: float
    greatest: float

    def __str__(self) -> str:
        return f"{number(self.least)} to {number(self.greatest)} over the rounds"


def ratio(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """Return the ratio of the first to the second value of each round."""
    ratios = [first / second for first, second in pairs]
    return Ratio(median(ratios), min(ratios), max(ratios))


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least `share` (0 to 1) of all samples do not exceed; NaN without samples."""
    if not samples:
        return math.nan
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(samples: Sequence[float]) -> float:
    """Return the median; NaN without samples."""
    return float(statistics.median(samples)) if samples else math.nan


def bounds_of_median(samples: Sequence[float]) -> tuple[float, float]:
    """Return the bounds of a 95 % confidence interval of the median, whatever the distribution; NaN without samples.

    They are the samples whose ranks are 0.98 * sqrt(n) off the middle (the sign test's interval, by the normal
    approximation). With fewer than six samples they are the extremes, at a lower confidence.
    """
    ordered = sorted(samples)
    if not ordered:
        return math.nan, math.nan
    off = 0.98 * math.sqrt(len(ordered))
    first = max(0, math.floor(len(ordered) / 2 - off))
    return ordered[first], ordered[-1 - first]
