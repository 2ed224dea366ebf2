"""Lines of tallies: numbers that events could have made, so that later events can be added to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shared.domain.tally import SUM_MAX

DAYS_MAX = 36_525
"""Most days in one tally, and the last day since 1970 that one may have: a century. All are read for a merge."""
_NUMBERS = ("sum", "events")
_STRETCH = re.compile(r"([\[(])(-?\d+),(-?\d+)([\])])")


def tally_problem(row: Mapping[str, Any]) -> str | None:
    """Return what no events could have made of a tally, beginning with the column, or None.

    `row` has values of the right kinds.
    """
    for name in _NUMBERS:
        if not 0 <= row.get(name, 0) <= SUM_MAX:
            return f"{name}: is not between 0 and 2^62"
    literal = row.get("days", "{}")
    days = 0 if literal == "{}" else _count(literal)
    if days is None:
        return f"days: are not between 0 and {DAYS_MAX} days since 1970-01-01"
    if row.get("day_count", days) != days:
        return f"day_count: is not the number of days: {days}"
    return None


def with_day_count(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without a problem that has the number of its days."""
    if row.get("days", "{}") == "{}" or "day_count" in row:
        return row
    return {**row, "day_count": _count(row["days"])}


def _count(literal: str) -> int | None:
    """Return the number of different days in a set of days; None if some are out of bounds."""
    stretches = sorted(
        (int(first) + (opening == "("), int(end) + (closing == "]"))
        for opening, first, end, closing in _STRETCH.findall(literal)
    )
    number = reached = 0
    for first, end in stretches:
        if not 0 <= first <= end <= DAYS_MAX:
            return None
        number += max(0, end - max(first, reached))
        reached = max(reached, end)
    return number
