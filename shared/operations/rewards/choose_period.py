"""The period that a claim is for."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.domain.claim_periods import PeriodStatus, claimable_period, past_status
from shared.domain.claims import check_claimable
from shared.domain.errors import GoalNotCompleted
from shared.domain.goal import Goal
from shared.domain.instant import Instant, Period
from shared.domain.progress import PlayerView, goal_status
from shared.domain.rotation import past_periods
from shared.postgres.connection import Connection
from shared.postgres.goals import completions


def choose_period(
    connection: Connection,
    catalogue: Catalogue,
    user_id: str,
    goal: Goal,
    view: PlayerView,
    period_start: Instant | None,
    now: Instant,
) -> PeriodStatus:
    """Return the period with this start; by default the newest one that is completed and whose claim end is ahead.

    If there is none, the current period is returned. `view` is the player in the current periods. Raise
    `OccurrenceNotFound` or `ClaimEnded`, and `GoalInactive` or `GoalNotCompleted` if there is no current period either.
    """
    current, status = view.period_of(goal), goal_status(goal, view, catalogue)
    candidates: tuple[Period, ...] = ()
    if period_start is not None and (current is None or period_start != current.start):
        candidates = (claimable_period(goal, period_start, now, view.zones),)
    elif period_start is None and not status.completed:
        candidates = past_periods(goal.schedule.of_player(view.zones), now)
    if candidates:
        # Prerequisites of the same schedule are judged in the same period.
        wanted = [goal.id, *(other for other in goal.requires if catalogue.goals[other].schedule == goal.schedule)]
        found = completions.read_of_goals(connection, user_id, [period.start for period in candidates], wanted)
        for period in candidates:
            in_period = found.get(period.start, {})
            if goal.id in in_period or period_start is not None:
                return PeriodStatus(goal, period, past_status(goal, in_period, view, catalogue), stored=True)
    if current is None:
        check_claimable(status)
        raise GoalNotCompleted("the goal has no current period")
    return PeriodStatus(goal, current, status, goal.id in view.completions)
