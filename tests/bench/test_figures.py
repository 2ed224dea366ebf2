"""Figures: their targets, digits and samples."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Figure, Report, Table, Unit, at_least, at_most, number, quotient
from bench.load import bounds_of_median, median, percentile, ratio

SAMPLES = st.lists(st.floats(-1e9, 1e9), min_size=1)


@given(SAMPLES, st.floats(0.01, 1.0))
def test_a_percentile_is_the_smallest_sample_that_covers_the_share(samples: list[float], share: float) -> None:
    value = percentile(samples, share)
    within = [sum(sample <= bound for sample in samples) for bound in samples]
    assert sum(sample <= value for sample in samples) >= share * len(samples) - 1e-6
    assert all(
        bound >= value for bound, count in zip(samples, within, strict=True) if count >= share * len(samples) + 1e-6
    )


@given(SAMPLES)
def test_half_of_the_samples_lie_on_each_side_of_the_median(samples: list[float]) -> None:
    middle = median(samples)
    assert sum(sample <= middle for sample in samples) * 2 >= len(samples)
    assert sum(sample >= middle for sample in samples) * 2 >= len(samples)


@given(SAMPLES)
def test_the_median_lies_within_its_bounds_which_are_samples(samples: list[float]) -> None:
    least, greatest = bounds_of_median(samples)
    assert {least, greatest} <= set(samples)
    assert least <= median(samples) <= greatest


@pytest.mark.parametrize("count", [6, 10, 25, 90, 400])
def test_the_bounds_contain_the_true_median_with_95_percent_confidence(count: int) -> None:
    # The bounds are the samples at `first` from both ends. They miss the true median if fewer than that many of `count`
    # fair coins show heads, or fewer tails.
    first = int(bounds_of_median(range(count))[0])
    missed = 2 * sum(math.comb(count, heads) for heads in range(first + 1)) / 2**count
    assert 0.02 <= missed <= 0.07


def test_no_samples_have_no_statistics() -> None:
    assert math.isnan(median([]))
    assert all(map(math.isnan, bounds_of_median([])))
    assert math.isnan(percentile([], 0.5))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (3.0, "3"), (0.126, "0.13"), (12.34, "12.3"), (1234.5, "1,234"), (20_000.0, "20,000")],
)
def test_a_number_has_three_significant_digits(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_bound_is_inclusive_and_nan_meets_no_target() -> None:
    assert at_most(2.0).is_met_by(2.0)
    assert at_least(2.0).is_met_by(2.0)
    assert not at_most(2.0).is_met_by(2.1)
    assert not at_least(2.0).is_met_by(1.9)
    assert not at_most(2.0).is_met_by(math.nan)
    assert not at_least(2.0).is_met_by(math.nan)
    assert Figure("without a target", 5.0).met is None


def test_a_missed_target_is_shown_and_a_wrong_response_fails_the_report() -> None:
    table = Table("name", "title", "conditions")
    table.add("too slow", 9.0, Unit.MILLISECONDS, at_most(1.0))
    table.check("lost", 0)
    assert [figure.met for figure in table.figures] == [False, True]
    assert Report({}, [table]).is_correct
    table.check("wrong", 1)
    assert not Report({}, [table]).is_correct


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    assert ratio([(1.0, 2.0), (3.0, 2.0), (2.0, 2.0)]) == (1.0, 0.5, 1.5)


def test_a_round_in_which_nothing_was_measured_has_no_ratio() -> None:
    assert ratio([(1.0, 2.0), (3.0, 0.0), (0.0, 2.0)]) == (0.25, 0.0, 0.5)
    assert all(math.isnan(value) for value in ratio([(1.0, 0.0)]))
    assert math.isnan(quotient(1.0, 0.0))
    assert quotient(1.0, 4.0) == 0.25
