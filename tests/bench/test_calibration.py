"""A machine that got slower or faster during a table is named."""

from __future__ import annotations

import pytest

from bench.calibration import changes

BEFORE = {"computing": 100.0, "fsync": 2.0}


@pytest.mark.parametrize(
    ("after", "named"),
    [
        ({"computing": 114.0, "fsync": 1.8}, ()),
        ({"computing": 120.0, "fsync": 2.0}, ("computing 1.20",)),
        ({"computing": 80.0, "fsync": 3.0}, ("computing 0.80", "fsync 1.50")),
    ],
)
def test_work_that_took_another_time_is_named(after: dict[str, float], named: tuple[str, ...]) -> None:
    warning = changes(BEFORE, after)
    assert bool(warning) == bool(named)
    assert all(name in warning for name in named)
