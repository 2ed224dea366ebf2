"""The pace at which rankings follow changes: soon after many, after a delay for few, and now and then without any."""

from __future__ import annotations

import pytest

from shared.domain.instant import SECOND
from shared.domain.refresh_pace import CHANGES_ENOUGH, IDLE_INTERVAL, PATIENCE, is_due

BEGUN = 1_000 * SECOND


def test_the_first_time_is_due_at_once() -> None:
    assert is_due(BEGUN, 0, None)


@pytest.mark.parametrize("changes", [CHANGES_ENOUGH, 10**9])
def test_many_changes_are_due_at_once(changes: int) -> None:
    assert is_due(BEGUN, changes, BEGUN)


@pytest.mark.parametrize(
    ("changes", "age"),
    [(1, PATIENCE), (CHANGES_ENOUGH - 1, PATIENCE), (0, IDLE_INTERVAL)],
    ids=["one", "few", "none"],
)
def test_fewer_are_due_after_a_delay(changes: int, age: int) -> None:
    assert is_due(BEGUN + age, changes, BEGUN)
    assert not is_due(BEGUN + age - 1, changes, BEGUN)


def test_a_clock_that_was_set_back_delays_nothing() -> None:
    assert is_due(BEGUN, 1, BEGUN + 3_600 * SECOND)
