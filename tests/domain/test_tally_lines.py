"""Lines of tallies say what events could have made of a tally."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.tally import SUM_MAX
from shared.domain.tally_lines import DAYS_MAX, tally_problem, with_day_count

BOUNDS = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)


@given(st.lists(BOUNDS, max_size=5), st.booleans())
def test_the_number_of_days_is_that_of_the_different_days(stretches: list[list[int]], inclusive: bool) -> None:
    days = {day for first, end in stretches for day in range(first, end + 1)}
    written = (f"[{first},{end}]" if inclusive else f"({first - 1},{end + 1})" for first, end in stretches)
    row: dict[str, Any] = {"days": "{" + ",".join(written) + "}"}
    assert tally_problem(row) is None
    filled = with_day_count(row)
    assert filled.get("day_count", 0) == len(days)
    assert tally_problem(filled) is None
    assert with_day_count(filled) is filled
    wrong = tally_problem({**row, "day_count": len(days) + 1})
    assert wrong is not None
    assert wrong.startswith("day_count: ")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"events": -1}, "events"),
        ({"events": SUM_MAX + 1}, "events"),
        ({"sum": -1}, "sum"),
        ({"sum": SUM_MAX + 1}, "sum"),
        ({"day_count": 1}, "day_count"),
        ({"day_count": -1}, "day_count"),
        ({"days": "{[19723,19730)}", "day_count": 8}, "day_count"),
        ({"days": "{[-1,5)}"}, "days"),
        ({"days": "{[5,1)}"}, "days"),
        ({"days": f"{{[1,{DAYS_MAX + 2})}}"}, "days"),
        ({"days": "{[0,2000000000)}"}, "days"),
    ],
)
def test_numbers_that_no_events_make_are_refused(row: dict[str, Any], column: str) -> None:
    problem = tally_problem(row)
    assert problem is not None
    assert problem.startswith(f"{column}: ")


def test_tallies_as_exports_write_them_are_taken() -> None:
    row = {"sum": 7, "events": 4, "days": "{[19723,19730),[19735,19736)}", "day_count": 8}
    assert tally_problem(row) is None
    assert with_day_count(row) is row
    assert tally_problem({"sum": SUM_MAX, "events": 0}) is None
