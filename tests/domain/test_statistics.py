"""Derived statistics against naive day-by-day and goal-by-goal computations."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.instant import Day
from shared.domain.progress import GoalState, PlayerView, goal_status
from shared.domain.statistics import (
    LoginStatistics,
    PlayerStatistics,
    TrendDay,
    goals_under_way,
    login_statistics,
    trend,
)
from shared.domain.streaks import Stretch
from tests.support.player_strategies import catalogues_with_players

FIRST = 19_000
days = st.integers(FIRST, FIRST + 40)
day_sets = st.sets(days)


def stretches(active: Collection[Day]) -> list[Stretch]:
    """Return the days as the database stores them."""
    starts = sorted(day for day in active if day - 1 not in active)
    ends = sorted(day + 1 for day in active if day + 1 not in active)
    return [Stretch(start, end) for start, end in zip(starts, ends, strict=True)]


def naive(active: Collection[Day], today: Day) -> LoginStatistics:
    """Compute the statistics by counting day by day."""
    longest = run = 0
    streak_of: dict[Day, int] = {}
    for day in range(FIRST - 1, today + 1):
        run = run + 1 if day in active else 0
        longest = max(longest, run)
        streak_of[day] = run
    current = streak_of.get(today, 0) or streak_of.get(today - 1, 0)
    return LoginStatistics(current, longest, sum(day in active for day in range(today - 6, today + 1)))


@given(day_sets, days)
def test_streaks_match_a_day_by_day_count(active: set[Day], today: Day) -> None:
    assert login_statistics(stretches(active), today) == naive(active, today)


@given(day_sets, days)
def test_the_current_streak_is_never_longer_than_the_longest(active: set[Day], today: Day) -> None:
    current, longest, week = login_statistics(stretches(active), today)
    assert min(current, 6) <= week
    assert current <= longest <= len(active)


@pytest.mark.parametrize(
    ("logins", "current"),
    [([Stretch(95, 101)], 6), ([Stretch(95, 100)], 5), ([Stretch(95, 99)], 0), ([Stretch(101, 102)], 0), ([], 0)],
    ids=["today", "yesterday", "the day before", "only tomorrow", "never"],
)
def test_a_streak_is_current_until_a_full_day_passes_without_a_login(logins: list[Stretch], current: int) -> None:
    assert login_statistics(logins, today=100).current_streak == current


@given(catalogues_with_players())
def test_goals_under_way_are_the_active_goals_in_progress(drawn: tuple[Catalogue, PlayerView]) -> None:
    catalogue, view = drawn
    statuses = [goal_status(goal, view, catalogue) for goal in catalogue.goals.values() if not goal.suspended]
    expected = sum(
        status.active and (status.state is GoalState.IN_PROGRESS or (status.continues and status.occurrence > 1))
        for status in statuses
    )
    assert goals_under_way(catalogue, view) == expected


@given(st.dictionaries(days, st.tuples(st.integers(), st.integers(), st.integers())), days, st.integers(0, 40))
def test_a_trend_has_every_day_once_and_in_order(
    reached: dict[Day, tuple[int, int, int]], first: Day, length: int
) -> None:
    shown = trend(first, first + length, [TrendDay(day, *numbers) for day, numbers in reached.items()])
    assert [each.day for each in shown] == list(range(first, first + length + 1))
    assert {each.day: each[1:] for each in shown} == {each.day: reached.get(each.day, (0, 0, 0)) for each in shown}


@pytest.mark.parametrize(("completed", "under_way", "rate"), [(0, 0, None), (0, 2, 0.0), (3, 1, 0.75), (2, 0, 1.0)])
def test_the_completion_rate_is_the_completed_share_of_started_goals(
    completed: int, under_way: int, rate: float | None
) -> None:
    assert PlayerStatistics({}, {}, LoginStatistics(0, 0, 0), completed, under_way).completion_rate == rate
