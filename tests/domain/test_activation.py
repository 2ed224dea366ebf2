"""Activation and deactivation of a goal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.activation import is_already_set, switch
from shared.domain.catalogue import Catalogue
from shared.domain.goal import Goal
from shared.domain.progress import Completion, PlayerView, goal_status
from tests.support.strategies import Situation, situations

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
