"""Activation and deactivation of a goal for a player."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Credit, Goal
from shared.domain.instant import Instant
from shared.domain.player_view import Assignment, Completion, PlayerView
from shared.domain.progress import completed_occurrences, goal_status, is_active
from shared.domain.schedules import LIFETIME


class Switch(NamedTuple):
    """The rows to store for one activation or deactivation."""

    assignment: Assignment
    completed: tuple[int, ...] = ()
    """The occurrences whose target the tally already reaches without a stored completion."""

    def applied_to(self, view: PlayerView, goal: Goal) -> PlayerView:
        """Return the player's view after the switch has been stored."""
        before, assignment = view.assignments.get(goal.id), self.assignment
        if assignment.active_since is None and before is not None:
            assignment = assignment._replace(active_since=before.active_since)
        view = view._replace(assignments={**view.assignments, goal.id: assignment})
        return view.with_completions(goal, dict.fromkeys(self.completed, Completion(None)))


def is_already_set(goal: Goal, active: bool, view: PlayerView) -> bool:
    """Return True if the goal already has the requested activity."""
    return is_active(goal, view.assignments.get(goal.id), view.completions.get(goal.id), view.selected) == active


def switch(goal: Goal, active: bool, view: PlayerView, catalogue: Catalogue, now: Instant) -> Switch:
    """Return what to store to make the goal active or inactive.

    Deactivating freezes the shown progress, and a goal shown as completed stays completed. An activated goal counts
    everything in the tally, including events from before, unless it counts from its activation on.
    """
    period = view.period_of(goal)
    start = None if period is None or goal.schedule == LIFETIME else period.start
    if active:
        assignment = Assignment(active=True, active_since=now)
        if goal.credit is Credit.FROM_ASSIGNMENT:
            assignment = assignment._replace(frozen_period_start=start, baseline=view.counted_by(goal))
        shown = view._replace(assignments={**view.assignments, goal.id: assignment})
    else:
        status = goal_status(goal, view, catalogue)
        assignment = Assignment(False, None, status.progress, start)
        shown = view
    if period is None:
        return Switch(assignment)
    return Switch(
        assignment, tuple(each for each in completed_occurrences(goal, shown) if not view.is_stored(goal, each))
    )
