"""Activation and deactivation of a goal."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.activation import is_already_set, switch
from shared.domain.catalogue import Catalogue
from shared.domain.goal import TURNING_POINT, Counting, Goal
from shared.domain.progress import Completion, PlayerView, TallyView, goal_status
from shared.domain.tally import Measures
from tests.support.goals import catalogue_of, goal
from tests.support.player_strategies import Situation, situations

NOW = 1_700_000_000_000_000


def switched(goal: Goal, active: bool, view: PlayerView, catalogue: Catalogue) -> PlayerView:
    """Return the view after storing what the switch returns."""
    assignment, completed = switch(goal, active, view, catalogue, NOW)
    completions = {**view.completions, goal.id: Completion(None)} if completed else view.completions
    return view._replace(assignments={**view.assignments, goal.id: assignment}, completions=completions)


@given(situations, st.booleans())
def test_a_switched_goal_has_the_requested_activity(situation: Situation, active: bool) -> None:
    catalogue, goal, view = situation
    after = switched(goal, active, view, catalogue)
    assert is_already_set(goal, active, after)
    assert goal_status(goal, after, catalogue).active == active
    assert is_already_set(goal, active, view) == (goal_status(goal, view, catalogue).active == active)


@given(situations)
def test_deactivation_keeps_the_shown_progress(situation: Situation) -> None:
    catalogue, goal, view = situation
    before = goal_status(goal, view, catalogue)
    after = goal_status(goal, switched(goal, False, view, catalogue), catalogue)
    assert (after.state, after.progress) == (before.state, before.progress)


@given(situations)
def test_activation_sets_the_assign_time(situation: Situation) -> None:
    catalogue, goal, view = situation
    assert goal_status(goal, switched(goal, True, view, catalogue), catalogue).assign_time == NOW


@given(situations, st.booleans())
def test_a_completion_is_stored_if_and_only_if_the_goal_is_completed_without_one(
    situation: Situation, active: bool
) -> None:
    catalogue, goal, view = situation
    after = switched(goal, active, view, catalogue)
    assert (goal.id in after.completions) == goal_status(goal, after, catalogue).completed
    if goal.id in view.completions:
        assert after.completions == view.completions


@given(situations, st.lists(st.booleans(), max_size=4))
def test_no_switch_removes_a_completion(situation: Situation, switches: list[bool]) -> None:
    catalogue, goal, view = situation
    completed = False
    for active in switches:
        view = switched(goal, active, view, catalogue)
        assert goal_status(goal, view, catalogue).completed or not completed
        completed = goal_status(goal, view, catalogue).completed


@given(st.integers(0, 5), st.integers(0, 5))
def test_a_lowest_value_completes_an_activated_goal_only_if_it_is_low_enough(at_most: int, lowest: int) -> None:
    fast = replace(goal("fast", counting=Counting.LOWEST, target=1, default_assigned=False), at_most=at_most)
    view = PlayerView({fast.stat: TallyView(Measures(highest=TURNING_POINT - lowest))}, {}, {})
    assert bool(switch(fast, True, view, catalogue_of(fast), NOW).completed) == (lowest <= at_most)
