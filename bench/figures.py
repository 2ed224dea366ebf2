"""What a table holds: figures, each beside its target, and grids of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Unit(StrEnum):
    """What a figure counts."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "µs"
    CALLS_A_SECOND = "calls/s"
    EVENTS_A_SECOND = "events/s"
    RATIO = "×"  # noqa: RUF001 - a factor
    PERCENT = "%"
    BYTES = "bytes"
    MEBIBYTES = "MiB"
    COUNT = ""


@dataclass(frozen=True)
class Target:
    """A bound that a figure is to keep; the bound itself is allowed."""

    bound: float
    at_least: bool

    def is_met_by(self, value: float) -> bool:
        """Whether the figure keeps the bound; one that is not a number does not."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {number(self.bound)}"


def at_least(bound: float) -> Target:
    """The figure is not to be smaller."""
    return Target(bound, at_least=True)


def at_most(bound: float) -> Target:
    """The figure is not to be greater."""
    return Target(bound, at_least=False)


@dataclass(frozen=True)
class Figure:
    """One measurement."""

    name: str
    value: float
    unit: Unit = Unit.COUNT
    target: Target | None = None
    note: str = ""
    """What belongs to the number: the parts of a ratio, the spread, an aim beyond the target."""
    decisive: bool = False
    """A figure about correctness: one that misses its target fails the whole run."""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.target is None else self.target.is_met_by(self.value)

    @property
    def shown(self) -> str:
        """The value with its unit."""
        return f"{number(self.value)} {self.unit}".rstrip()

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "figure": self.name,
            "measured": None if math.isnan(self.value) else self.value,
            "unit": self.unit.value,
            "target": None if self.target is None else str(self.target),
            "met": self.met,
            "note": self.note,
        }


@dataclass(frozen=True)
class Grid:
    """Numbers that are read side by side; the first column names the row."""

    columns: Sequence[str]
    rows: Sequence[Sequence[float]]

    def to_dict(self) -> list[dict[str, float]]:
        """For machines: a mapping a row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass
class Table:
    """One part of the report."""

    name: str
    title: str
    conditions: str
    """How the figures came about, in a sentence or two."""
    figures: list[Figure] = field(default_factory=list)
    grid: Grid | None = None

    def add(
        self, name: str, value: float, unit: Unit = Unit.COUNT, target: Target | None = None, note: str = ""
    ) -> None:
        """One more figure."""
        self.figures.append(Figure(name, value, unit, target, note))

    def check(self, name: str, faults: int, note: str = "") -> None:
        """A figure about correctness: how often something was wrong, which may be never."""
        self.figures.append(Figure(name, faults, Unit.COUNT, at_most(0), note, decisive=True))

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "table": self.name,
            "title": self.title,
            "conditions": self.conditions,
            "figures": [figure.to_dict() for figure in self.figures],
            **({"grid": self.grid.to_dict()} if self.grid else {}),
        }


def number(value: float) -> str:
    """A number with as many digits as it deserves: three, or all before the point."""
    if math.isnan(value):
        return "none"
    if float(value).is_integer():
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
