"""The period that a claim is for."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.catalogue import Catalogue, Goal
from shared.domain.claim_periods import claimable_period, past_periods, past_status
from shared.domain.instant import Instant
from shared.domain.periods import Period
from shared.domain.progress import GoalStatus, PlayerView, goal_status
from shared.postgres.connection import Connection
from shared.postgres.goals import completions


class Chosen(NamedTuple):
    """A period and the goal's status in it."""

    period: Period
    status: GoalStatus
    stored: bool
    """False if the completion is not stored yet: the goal is satisfied without an event, in the current period."""


def choose_period(
    connection: Connection,
    catalogue: Catalogue,
    user_id: str,
    goal: Goal,
    view: PlayerView,
    period_start: Instant | None,
    now: Instant,
) -> Chosen:
    """Return the period with this start; by default the newest one that is completed and whose claim end is ahead.

    If there is none, the current period is returned. `view` is the player in the current periods. Raise
    `OccurrenceNotFound` or `ClaimEnded`.
    """
    current = goal.schedule.period_at(now)
    of_current = Chosen(current, goal_status(goal, view, catalogue), goal.id in view.completions)
    if current.end is None:
        return of_current
    if period_start is None:
        candidates = () if of_current.status.completed else past_periods(goal.schedule, now)
    else:
        period = claimable_period(goal, period_start, now)
        if period == current:
            return of_current
        candidates = (period,)
    if not candidates:
        return of_current
    # Prerequisites of the same schedule are judged in the same period.
    wanted = [goal.id, *(other for other in goal.requires if catalogue.goals[other].schedule == goal.schedule)]
    found = completions.read_of_goals(connection, user_id, [period.start for period in candidates], wanted)
    for period in candidates:
        in_period = found.get(period.start, {})
        if goal.id in in_period or period_start is not None:
            return Chosen(period, past_status(goal, in_period, view, catalogue), stored=True)
    return of_current
