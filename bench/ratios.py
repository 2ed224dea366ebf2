"""Ratios of things that were measured in turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.figures import number
from bench.samples import median


class Ratio(NamedTuple):
    """The middle of the rounds' ratios, and how far they lie apart."""

    value: float
    least: float
    greatest: float

    def __str__(self) -> str:
        return f"{number(self.least)} to {number(self.greatest)} over the rounds"


def ratio(pairs: Sequence[tuple[float, float]]) -> Ratio:
    """The first of each round divided by the second of the same round."""
    ratios = [first / second for first, second in pairs]
    return Ratio(median(ratios), min(ratios), max(ratios))
