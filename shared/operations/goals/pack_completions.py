"""Packing of completions that were claimed long ago, where a setting says how long they stay rows of their own."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.domain.instant import Instant
from shared.domain.rotation import over_before
from shared.domain.schedules import LIFETIME


def past_periods_before(catalogue: Catalogue, now: Instant) -> dict[str, Instant]:
    """Return, by goal id, the instant before which its periods begin that are over for good.

    Goals of seasons have none: the end of a season may be moved, and then a period that was over is the current one.
    """
    found = {
        goal.id: over_before(goal.schedule, now)
        for goal in catalogue.goals.values()
        if goal.schedule != LIFETIME and goal.schedule.season is None
    }
    return {goal_id: before for goal_id, before in found.items() if before is not None}
