"""The report: facts about the run, and tables of figures, each with its target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


def quotient(value: float, other: float) -> float:
    """Return a value divided by another; NaN if that is 0, as in a run so short that a server got no CPU."""
    return value / other if other else math.nan


class Unit(StrEnum):
    """The unit of a figure."""

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
    """An inclusive bound for a figure."""

    bound: float
    at_least: bool

    def is_met_by(self, value: float) -> bool:
        """Return whether the figure keeps the bound; NaN does not."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {number(self.bound)}"


def at_least(bound: float) -> Target:
    """Return a lower bound."""
    return Target(bound, at_least=True)


def at_most(bound: float) -> Target:
    """Return an upper bound."""
    return Target(bound, at_least=False)


@dataclass(frozen=True)
class Figure:
    """One measurement."""

    name: str
    value: float
    unit: Unit = Unit.COUNT
    target: Target | None = None
    note: str = ""
    """Context of the number: the parts of a ratio, the spread, an aim beyond the target."""
    decisive: bool = False
    """A figure about correctness: if it misses its target, the whole run fails."""

    @property
    def met(self) -> bool | None:
        """True if the target is met; None without a target."""
        return None if self.target is None else self.target.is_met_by(self.value)

    @property
    def shown(self) -> str:
        """The value with its unit."""
        return f"{number(self.value)} {self.unit}".rstrip()

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as JSON-compatible values."""
        return {
            "figure": self.name,
            "measured": None if math.isnan(self.value) else self.value,
            "unit": self.unit.value,
            "target": None if self.target is None else str(self.target),
            "met": self.met,
            "note": self.note,
        }


@dataclass
class Table:
    """One part of the report."""

    name: str
    title: str
    conditions: str
    """The method by which the figures were measured, in a sentence or two."""
    warning: str = ""
    """The reason not to trust the figures, if there is one."""
    figures: list[Figure] = field(default_factory=list)
    grid: Sequence[Mapping[str, float]] = ()
    """Rows of numbers by column, which are read side by side; the first number names the row."""

    def add(
        self, name: str, value: float, unit: Unit = Unit.COUNT, target: Target | None = None, note: str = ""
    ) -> None:
        """Add a figure."""
        self.figures.append(Figure(name, value, unit, target, note))

    def check(self, name: str, faults: int, note: str = "") -> None:
        """Add a figure about correctness: the number of faults, which must be 0."""
        self.figures.append(Figure(name, faults, Unit.COUNT, at_most(0), note, decisive=True))

    def to_dict(self) -> dict[str, Any]:
        """Return the table as JSON-compatible values."""
        return {
            "table": self.name,
            "warning": self.warning,
            "title": self.title,
            "conditions": self.conditions,
            "figures": [figure.to_dict() for figure in self.figures],
            **({"grid": [dict(row) for row in self.grid]} if self.grid else {}),
        }


@dataclass
class Report:
    """Facts about the run, and its tables."""

    facts: Mapping[str, str]
    tables: list[Table] = field(default_factory=list)

    @property
    def is_correct(self) -> bool:
        """True if nothing was lost, wrong or failed; says nothing about speed."""
        return all(figure.met for table in self.tables for figure in table.figures if figure.decisive)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-compatible values."""
        warnings = {table.name: table.warning for table in self.tables if table.warning}
        return {"warnings": warnings, "facts": dict(self.facts), "tables": [table.to_dict() for table in self.tables]}


def number(value: float) -> str:
    """Format a number with three significant digits, or all digits before the decimal point."""
    if math.isnan(value):
        return "none"
    if float(value).is_integer():
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
