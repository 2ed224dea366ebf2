"""Which periods can be claimed, and what counts in past ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.claim_periods import claimable_period, past_status
from shared.domain.errors import ClaimEnded, OccurrenceNotFound
from shared.domain.goal import Goal
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.progress import Assignment, Completion, GoalState, PlayerView, TallyView
from shared.domain.rotation import PAST_PERIODS_MAX, claim_end, past_periods
from shared.domain.schedules import DAILY, LIFETIME, MONTHLY, WEEKLY, Schedule
from shared.domain.tally import Measures
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

MIDNIGHT = FIRST_DAY * DAY
"""A Wednesday."""
REQUIRED = replace(goal("required"), schedule=DAILY)
OTHER_SCHEDULE = replace(goal("weekly"), schedule=WEEKLY)
LOCKED = replace(goal("locked", requires=("required",)), schedule=DAILY)
CATALOGUE = catalogue_of(REQUIRED, OTHER_SCHEDULE, LOCKED)
REACHED = TallyView(Measures(sum=99))

schedules = st.sampled_from([DAILY, WEEKLY, MONTHLY])
instants = st.integers(100 * DAY, 200 * 365 * DAY) | st.sampled_from([MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 1])


def view_of(**assignments: Assignment) -> PlayerView:
    """Return a player whose lifetime tally reaches every target."""
    return PlayerView({KILLS: REACHED}, assignments, {})


@given(schedules, instants)
def test_past_periods_are_adjacent_and_exactly_those_whose_claim_end_is_ahead(schedule: Schedule, now: Instant) -> None:
    periods = past_periods(schedule, now)
    assert len(periods) <= PAST_PERIODS_MAX
    current = schedule.period_at(now)
    assert current is not None
    for newer, older in pairwise([current, *periods]):
        assert older.end == newer.start
        end = claim_end(schedule, older)
        assert end is not None
        assert end > now
    last = schedule.period_at((periods[-1] if periods else current).start - 1)
    assert last is not None
    end = claim_end(schedule, last)
    assert end is not None
    assert end <= now


def test_the_lifetime_has_no_past_and_no_claim_end() -> None:
    period = LIFETIME.period_at(MIDNIGHT)
    assert period is not None
    assert past_periods(LIFETIME, MIDNIGHT) == ()
    assert claim_end(LIFETIME, period) is None


@pytest.mark.parametrize("start", [MIDNIGHT + 1, MIDNIGHT - 1, MIDNIGHT + DAY, 0 - HOUR, 253_402_300_799 * 1_000_000])
def test_a_period_is_named_by_its_exact_start_and_has_begun(start: Instant) -> None:
    with pytest.raises(OccurrenceNotFound):
        claimable_period(LOCKED, start, MIDNIGHT + HOUR)


def test_a_period_can_be_claimed_until_its_claim_end() -> None:
    period = DAILY.period_at(MIDNIGHT)
    assert period is not None
    end = claim_end(DAILY, period)
    assert end == MIDNIGHT + 8 * DAY
    for now in (MIDNIGHT, MIDNIGHT + DAY, end - 1):
        assert claimable_period(LOCKED, MIDNIGHT, now) == period
    with pytest.raises(ClaimEnded) as refused:
        claimable_period(LOCKED, MIDNIGHT, end)
    assert refused.value.metadata == {"claim_end_time": "2024-03-07T00:00:00+00:00"}


def test_in_a_past_period_only_stored_completions_count() -> None:
    status = past_status(LOCKED, {}, view_of(), CATALOGUE)
    assert (status.state, status.progress) == (GoalState.NOT_STARTED, 0)
    status = past_status(LOCKED, {"locked": {1: Completion(MIDNIGHT)}}, view_of(), CATALOGUE)
    assert (status.state, status.progress, status.complete_time) == (GoalState.COMPLETED, LOCKED.target, MIDNIGHT)
    status = past_status(LOCKED, {"locked": {1: Completion(MIDNIGHT, MIDNIGHT + 1)}}, view_of(), CATALOGUE)
    assert (status.state, status.claim_time) == (GoalState.CLAIMED, MIDNIGHT + 1)


@pytest.mark.parametrize(
    ("required", "in_period", "locked"),
    [(REQUIRED, True, False), (REQUIRED, False, True), (OTHER_SCHEDULE, False, False)],
    ids=["same period", "another period", "another schedule"],
)
def test_prerequisites_of_the_schedule_are_judged_in_the_same_period(
    required: Goal, in_period: bool, locked: bool
) -> None:
    chosen = replace(LOCKED, requires=(required.id,))
    completions = {"locked": {1: Completion(MIDNIGHT)}} | (
        {required.id: {1: Completion(MIDNIGHT)}} if in_period else {}
    )
    # Completed in the current period in any case.
    view = view_of()._replace(completions={required.id: Completion(MIDNIGHT + DAY)})
    assert past_status(chosen, completions, view, catalogue_of(chosen, required)).locked == locked


def test_a_deactivated_goal_is_inactive_in_past_periods() -> None:
    view = view_of(locked=Assignment(active=False, active_since=None))
    assert not past_status(LOCKED, {"locked": {1: Completion(MIDNIGHT)}}, view, CATALOGUE).active


def test_a_goal_that_is_no_longer_assigned_stays_active_where_it_was_completed() -> None:
    optional = replace(LOCKED, default_assigned=False)
    assert past_status(optional, {"locked": {1: Completion(MIDNIGHT)}}, view_of(), CATALOGUE).active
    assert not past_status(optional, {}, view_of(), CATALOGUE).active
