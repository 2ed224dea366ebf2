"""Periods whose rewards can be claimed, and the status of goals in past ones.

A reward outlives its period: it can be claimed until the period's claim end. In a past period only stored completions
count, so a goal that is added today is not claimable for last week.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.errors import ClaimEnded, OccurrenceNotFound
from shared.domain.goal import Goal
from shared.domain.instant import Instant, Period, to_datetime
from shared.domain.player_view import Completion, CompletionsOfPeriod, PlayerView
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.progress import (
    GoalState,
    GoalStatus,
    completed_occurrences,
    completed_state,
    goal_status,
    is_active,
    was_ever_completed,
)
from shared.domain.rotation import claim_end


class PeriodStatus(NamedTuple):
    """The status of a goal in one period."""

    goal: Goal
    period: Period
    status: GoalStatus
    stored: bool
    """False if no completion is stored: the goal may be satisfied without an event, in the current period."""

    @property
    def occurrence(self) -> int:
        """The occurrence of the goal that this is the status of."""
        return self.status.occurrence


def claimable_period(goal: Goal, start: Instant, now: Instant, zones: Zones = NO_ZONES) -> Period:
    """Return the goal's period with exactly this start, for a player who has named these zones.

    Raise `OccurrenceNotFound` if there is none or it has not begun, and `ClaimEnded` if its claim end has passed.
    """
    # Calendars do not reach to every instant that a request can name.
    schedule = goal.schedule.of_player(zones)
    period = schedule.shown_at(start) if 0 <= start <= now else None
    if period is None or period.start != start:
        raise OccurrenceNotFound("the goal has no such period", goal_id=goal.id)
    end = claim_end(schedule, period)
    if end is not None and end <= now:
        raise ClaimEnded("rewards of this period can no longer be claimed", claim_end_time=to_datetime(end).isoformat())
    return period


def past_status(
    goal: Goal, completions: CompletionsOfPeriod, view: PlayerView, catalogue: Catalogue, occurrence: int = 1
) -> GoalStatus:
    """Return the status of an occurrence of the goal in a past period.

    `completions` are those stored for goals of its schedule in that period; `view` is the player now.
    """
    assignment = view.assignments.get(goal.id)
    completion = completions.get(goal.id, {}).get(occurrence)
    active = is_active(goal, assignment, completion)
    locked = not all(
        other.id in completions if other.schedule == goal.schedule else was_ever_completed(other, view)
        for other in map(catalogue.goals.__getitem__, goal.requires)
    )
    assign_time = assignment.active_since if assignment is not None else None
    if completion is None:
        return GoalStatus(active, locked, GoalState.NOT_STARTED, 0, assign_time, None, None, occurrence)
    return _completed_status(goal, view, active, locked, assign_time, occurrence, completion)


def occurrence_statuses(goal: Goal, view: PlayerView, catalogue: Catalogue) -> list[PeriodStatus]:
    """Return the statuses of the goal's completed occurrences in its current period, the first one first."""
    period = view.period_of(goal)
    if period is None:
        return []
    status = goal_status(goal, view, catalogue)
    if goal.steps == 1:
        return [PeriodStatus(goal, period, status, goal.id in view.completions)] if status.completed else []
    stored = view.occurrences_of(goal)
    return [
        PeriodStatus(
            goal,
            period,
            _completed_status(goal, view, status.active, status.locked, status.assign_time, occurrence, completion),
            occurrence in stored,
        )
        for occurrence, completion in completed_occurrences(goal, view).items()
    ]


def _completed_status(
    goal: Goal,
    view: PlayerView,
    active: bool,
    locked: bool,
    assign_time: Instant | None,
    occurrence: int,
    completion: Completion,
) -> GoalStatus:
    state, rewards = completed_state(goal, completion, view, occurrence)
    times = (assign_time, completion.complete_time, completion.claim_time)
    return GoalStatus(active, locked, state, goal.target, *times, occurrence, rewards=rewards)


def first_to_claim(completed: Collection[PeriodStatus], occurrence: int | None) -> PeriodStatus | None:
    """Return the completed occurrence that a claim is for; None if there is none.

    Without `occurrence` it is the first one with a reward that can be claimed; if there is none, the last.
    """
    wanted = [each for each in completed if occurrence in (None, each.occurrence)]
    unclaimed = (each for each in wanted if each.status.state is GoalState.COMPLETED and not each.status.withheld)
    return next(unclaimed, wanted[-1] if wanted else None)
