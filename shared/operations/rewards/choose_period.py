"""The period that a claim is for."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.domain.claim_periods import (
    PeriodStatus,
    claimable_period,
    first_to_claim,
    occurrence_statuses,
    past_status,
)
from shared.domain.claims import check_claimable
from shared.domain.errors import GoalNotCompleted
from shared.domain.goal import Goal
from shared.domain.instant import Instant, Period
from shared.domain.player_view import PlayerView
from shared.domain.progress import GoalState, goal_status
from shared.domain.rotation import past_periods
from shared.operations.rewards.completed_goals import PlayerPeriods
from shared.postgres.connection import Connection
from shared.postgres.goals import completions


def choose_period(
    connection: Connection,
    catalogue: Catalogue,
    user_id: str,
    goal: Goal,
    view: PlayerView,
    period_start: Instant | None,
    occurrence: int | None,
    now: Instant,
) -> PeriodStatus:
    """Return the period with this start; by default the newest one that is completed and whose claim end is ahead.

    Of a goal that repeats, the status is that of the occurrence; by default that of the first unclaimed one. If none is
    completed, the current period is returned. `view` is the player in the current periods. Raise `OccurrenceNotFound`
    or `ClaimEnded`, and `GoalInactive` or `GoalNotCompleted` if there is no current period either.
    """
    current = view.period_of(goal)
    found = first_to_claim(occurrence_statuses(goal, view, catalogue), occurrence)
    candidates: tuple[Period, ...] = ()
    if period_start is not None and (current is None or period_start != current.start):
        candidates = (claimable_period(goal, period_start, now, view.zones),)
    elif period_start is None and found is None:
        candidates = past_periods(goal.schedule.of_player(view.zones), now)
    if candidates:
        # Prerequisites of the same schedule are judged in the same period.
        wanted = [goal.id, *(other for other in goal.requires if catalogue.goals[other].schedule == goal.schedule)]
        starts = [period.start for period in candidates]
        past = PlayerPeriods(
            catalogue, view, {goal.schedule: candidates}, completions.read_of_goals(connection, user_id, starts, wanted)
        )
        for period in candidates:
            in_past = first_to_claim(list(past.in_period(goal, period)), occurrence)
            if in_past is not None:
                return in_past
            if period_start is not None:
                return PeriodStatus(goal, period, past_status(goal, {}, view, catalogue), stored=True)
    if found is not None:
        return found
    status = goal_status(goal, view, catalogue)
    if current is None:
        check_claimable(status)
        raise GoalNotCompleted("the goal has no current period")
    # Another occurrence may be completed.
    return PeriodStatus(goal, current, status._replace(state=GoalState.IN_PROGRESS), stored=False)
