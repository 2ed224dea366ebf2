"""A player's progress on a goal."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.goal import Counting, Goal
from shared.domain.instant import DAY, LIFETIME_START, Period
from shared.domain.progress import (
    Assignment,
    Completion,
    GoalState,
    PlayerView,
    TallyView,
    goal_status,
    is_completed,
)
from shared.domain.schedules import LIFETIME
from shared.domain.tally import Measures, Tally
from tests.support.player_strategies import Situation, situations
from tests.support.strategies import KILLS, catalogues, events, instants, with_goal

PERIOD_START = 20_000 * DAY


def view_of(goal: Goal, tally: Tally, assignment: Assignment | None = None) -> PlayerView:
    """Return the view of a player with this stored tally and choice."""
    assignments = {} if assignment is None else {goal.id: assignment}
    stored = TallyView(tally.measures, tally.latest)
    if goal.schedule == LIFETIME:
        return PlayerView({goal.stat: stored}, assignments, {})
    text = goal.schedule.text
    return PlayerView({}, assignments, {}, {(goal.stat, text): stored}, {text: Period(PERIOD_START, 2 * PERIOD_START)})


def changed(catalogue: Catalogue, goal: Goal, **differing: object) -> tuple[Goal, Catalogue]:
    """Return the goal with some fields changed, and the catalogue with that goal."""
    other = replace(goal, **differing)  # type: ignore[arg-type]  # the names of fields, each with its own type
    return other, with_goal(catalogue, other)


@given(situations)
def test_progress_is_between_zero_and_the_target(situation: Situation) -> None:
    catalogue, goal, view = situation
    status = goal_status(goal, view, catalogue)
    assert 0 <= status.progress <= goal.target
    assert (status.state is GoalState.NOT_STARTED) == (status.progress == 0)
    if status.completed:
        assert status.progress == goal.target


@given(situations)
def test_a_goal_is_locked_if_and_only_if_a_prerequisite_is_not_completed(situation: Situation) -> None:
    catalogue, goal, view = situation
    required = [catalogue.goals[goal_id] for goal_id in goal.requires]
    # A goal of the same schedule counts in this period, one of another schedule ever.
    met = [
        goal_status(each, view, catalogue).completed or (each.schedule != goal.schedule and each.id in view.ever)
        for each in required
    ]
    assert goal_status(goal, view, catalogue).locked == (not all(met))


@given(situations)
def test_a_goal_is_claimed_if_and_only_if_its_completion_is(situation: Situation) -> None:
    catalogue, goal, view = situation
    status = goal_status(goal, view, catalogue)
    completion = view.completions.get(goal.id)
    claimed = completion is not None and completion.claim_time is not None and completion.claimed in (None, 1, 3, 5, 7)
    assert (status.state is GoalState.CLAIMED) == claimed
    assert (status.complete_time, status.claim_time) == (completion or Completion(None))[:2]


@given(situations, st.lists(events(), max_size=8))
def test_more_events_never_undo_a_completion(situation: Situation, reported: list[Event]) -> None:
    catalogue, goal, view = situation
    tally, completed = Tally(), False
    for event in reported:
        tally.add(event, by_day=True)
        seen = view_of(goal, tally, view.assignments.get(goal.id))
        assert goal_status(goal, seen, catalogue).completed or not completed
        completed = goal_status(goal, seen, catalogue).completed


@given(situations, instants)
def test_a_completed_goal_stays_claimable_when_it_is_no_longer_default(
    situation: Situation, complete_time: int
) -> None:
    catalogue, goal, view = situation
    completed = view._replace(assignments={}, completions={goal.id: Completion(complete_time)})
    for default in (True, False):
        other, other_catalogue = changed(catalogue, goal, default_assigned=default)
        status = goal_status(other, completed, other_catalogue)
        assert status.active
        assert status.state is GoalState.COMPLETED


@given(situations, st.integers(0, 12), st.lists(events(), max_size=6))
def test_a_deactivated_goal_keeps_its_progress_whatever_happens(
    situation: Situation, frozen: int, reported: list[Event]
) -> None:
    catalogue, goal, _ = situation
    choice = Assignment(False, None, frozen, None if goal.schedule == LIFETIME else PERIOD_START)
    tally = Tally()
    before = goal_status(goal, view_of(goal, tally, choice), catalogue)
    for event in reported:
        tally.add(event, by_day=True)
    status = goal_status(goal, view_of(goal, tally, choice), catalogue)
    # A prerequisite on the same stat may be completed by these events.
    assert status._replace(locked=before.locked) == before
    assert status.progress == min(frozen, goal.target)
    assert not status.active
    assert not status.completed


@given(situations)
def test_a_goal_that_was_never_active_shows_nothing(situation: Situation) -> None:
    catalogue, goal, view = situation
    optional, catalogue = changed(catalogue, goal, default_assigned=False)
    status = goal_status(optional, view._replace(assignments={}, completions={}), catalogue)
    assert (status.active, status.state, status.progress) == (False, GoalState.NOT_STARTED, 0)


@given(situations)
def test_an_active_goal_shows_everything_in_the_tally(situation: Situation) -> None:
    catalogue, goal, view = situation
    choice = Assignment(active=True, active_since=5)
    active = view._replace(assignments={goal.id: choice}, completions={})
    stored = view.tallies.get(goal.stat)
    if goal.schedule != LIFETIME:
        stored = view.period_tallies.get((goal.stat, goal.schedule.text))
    tally = stored or TallyView(Measures())
    reached = tally.measures.judged_by(goal.counting)
    status = goal_status(goal, active, catalogue)
    assert is_completed(goal, active) == status.completed == (reached >= goal.target and not goal.suspended)
    if reached < goal.target:
        shown = (tally.latest or 0) if goal.counting is Counting.LATEST else reached
        assert status.progress == max(0, shown)
    assert status.assign_time == 5


@given(situations, st.integers(1, 12))
def test_frozen_progress_is_shown_only_in_the_period_in_which_it_was_frozen(situation: Situation, frozen: int) -> None:
    catalogue, goal, view = situation
    period = view.period_of(goal)
    starts = {None: LIFETIME_START, PERIOD_START: PERIOD_START, period and period.start: period and period.start}
    for stored, start in starts.items():
        choice = Assignment(False, None, frozen, stored)
        shown = goal_status(goal, view._replace(assignments={goal.id: choice}, completions={}), catalogue).progress
        assert shown == (min(frozen, goal.target) if period is not None and period.start == start else 0)


@given(catalogues(goals_max=1))
def test_the_latest_value_may_decrease_but_a_completed_goal_stays_completed(catalogue: Catalogue) -> None:
    (only,) = catalogue.goals.values()
    goal, catalogue = changed(
        catalogue, only, stat=KILLS, counting=Counting.LATEST, target=10, default_assigned=True, requires=()
    )
    below = PlayerView({KILLS: TallyView(Measures(events=2, highest=9), latest=4)}, {}, {})
    reached = PlayerView({KILLS: TallyView(Measures(events=2, highest=10), latest=4)}, {}, {})
    negative = PlayerView({KILLS: TallyView(Measures(events=2, highest=9), latest=-4)}, {}, {})
    assert goal_status(goal, below, catalogue)[2:4] == (GoalState.IN_PROGRESS, 4)
    assert goal_status(goal, reached, catalogue)[2:4] == (GoalState.COMPLETED, 10)
    assert goal_status(goal, negative, catalogue)[2:4] == (GoalState.NOT_STARTED, 0)
