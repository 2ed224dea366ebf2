"""Streaks against a day-by-day computation."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.instant import Day
from shared.domain.streaks import NO_STREAK, Streak, StreakRule, Stretch, longest_streak, streak_of, with_days
from tests.support.naive_counting import naive_streak

_days = st.integers(0, 40)
_day_sets = st.sets(_days)
_rules = st.builds(StreakRule, st.integers(0, 3), st.sets(_days, max_size=8).map(lambda days: tuple(sorted(days))))


@given(_day_sets, _rules, _days)
def test_streaks_are_those_of_neighbouring_days(days: set[Day], rule: StreakRule, today: Day) -> None:
    stretches = with_days((), days)
    assert streak_of(stretches, rule, today) == naive_streak(days, rule, today)
    assert longest_streak(stretches, rule) == naive_streak(days, rule, today).longest


@given(_day_sets, _day_sets, _rules, _rules)
def test_days_outages_and_bridges_never_make_the_longest_streak_shorter(
    days: set[Day], more: set[Day], rule: StreakRule, further: StreakRule
) -> None:
    greater = StreakRule(max(rule.bridge_days, further.bridge_days), tuple(sorted({*rule.outages, *further.outages})))
    least = longest_streak(with_days((), days), rule)
    assert longest_streak(with_days((), days | more), rule) >= least
    assert longest_streak(with_days((), days), greater) >= least


@given(_day_sets, st.permutations(range(5)), st.sets(_days, max_size=5))
def test_days_may_be_added_in_any_order(days: set[Day], order: list[int], more: set[Day]) -> None:
    added = [*more]
    stretches = with_days((), days)
    for position in order:
        stretches = with_days(stretches, added[position : position + 1])
    assert stretches == with_days((), days | more)
    assert all(one.end < other.start for one, other in pairwise(stretches))


@pytest.mark.parametrize(
    ("today", "current"), [(9, 4), (10, 4), (11, 4), (12, 0)], ids=["today", "yesterday", "bridged", "over"]
)
def test_a_streak_is_current_until_more_days_are_missed_than_may_be_bridged(today: Day, current: int) -> None:
    stretches = [Stretch(2, 3), Stretch(6, 10)]
    assert streak_of(stretches, StreakRule(bridge_days=1), today) == Streak(4, current)


def test_an_outage_joins_two_runs_and_does_not_count() -> None:
    stretches = [Stretch(1, 4), Stretch(5, 8)]
    assert streak_of(stretches, StreakRule(), 8) == Streak(3, 3)
    assert streak_of(stretches, StreakRule(outages=(4,)), 8) == Streak(6, 6)
    assert streak_of(stretches, StreakRule(outages=(4, 8)), 9) == Streak(6, 6)
    assert streak_of((), StreakRule(3, (1, 2)), 3) == NO_STREAK
