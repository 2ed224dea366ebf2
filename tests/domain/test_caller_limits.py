"""Limits of callers: whatever a caller does, it gets its rate and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.caller_limits import Bucket, Limit, capacity

RATES = st.floats(0.5, 1e5)
STEPS = st.lists(st.tuples(st.floats(0, 5), st.integers(1, 1_000)), max_size=60)


@given(rate=RATES, steps=STEPS)
def test_accepted_calls_stay_within_the_rate_but_for_one_batch(rate: float, steps: list[tuple[float, int]]) -> None:
    bucket, now, accepted = Bucket(rate, 0.0), 0.0, 0
    for pause, amount in steps:
        now += pause
        if not bucket.take(amount, rate, now):
            accepted += amount
            assert accepted <= capacity(rate) + rate * now + amount + 1e-3


@given(rate=RATES, amounts=st.lists(st.integers(1, 1_000), min_size=1, max_size=30))
def test_a_caller_that_waits_as_told_is_accepted(rate: float, amounts: list[int]) -> None:
    bucket, now = Bucket(rate, 0.0), 0.0
    for amount in amounts:
        if wait_s := bucket.take(amount, rate, now):
            now += wait_s * (1 + 1e-9) + 1e-6
            assert bucket.take(amount, rate, now) == 0.0


def test_a_batch_over_the_limit_leaves_a_debt() -> None:
    bucket = Bucket(100.0, 0.0)
    assert bucket.take(1_000, 100.0, 0.0) == 0.0
    assert bucket.take(1, 100.0, 0.0) == pytest.approx(9.01)
    assert bucket.take(1, 100.0, 8.9) == pytest.approx(0.11)
    assert bucket.take(1, 100.0, 9.02) == 0.0


def test_a_clock_that_stands_still_gives_nothing() -> None:
    bucket = Bucket(10.0, 5.0)
    assert [bucket.take(1, 10.0, 5.0) for _ in range(10)] == [0.0] * 10
    assert bucket.take(1, 10.0, 4.0) > 0


def test_limits_have_names_for_operators() -> None:
    assert [limit.setting for limit in Limit] == ["calls_per_s", "events_per_s", "new_players_per_s", "streams_per_s"]
