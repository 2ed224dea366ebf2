"""Activation and deactivation of a goal for a player."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Goal
from shared.domain.instant import Instant
from shared.domain.progress import Assignment, Completion, PlayerView, goal_status, is_active, is_completed
from shared.domain.schedules import LIFETIME


class Switch(NamedTuple):
    """The rows to store for one activation or deactivation."""

    assignment: Assignment
    completed: bool
    """True if the tally already reaches the target and no completion is stored yet."""

    def applied_to(self, view: PlayerView, goal: Goal) -> PlayerView:
        """Return the player's view after the switch has been stored."""
        before, assignment = view.assignments.get(goal.id), self.assignment
        if assignment.active_since is None and before is not None:
            assignment = assignment._replace(active_since=before.active_since)
        completions = {**view.completions, goal.id: Completion(None)} if self.completed else view.completions
        return view._replace(assignments={**view.assignments, goal.id: assignment}, completions=completions)


def is_already_set(goal: Goal, active: bool, view: PlayerView) -> bool:
    """Return True if the goal already has the requested activity."""
    return is_active(goal, view.assignments.get(goal.id), view.completions.get(goal.id), view.selected) == active


def switch(goal: Goal, active: bool, view: PlayerView, catalogue: Catalogue, now: Instant) -> Switch:
    """Return what to store to make the goal active or inactive.

    Deactivating freezes the shown progress, and a goal shown as completed stays completed. An activated goal counts
    everything in the tally, including events from before.
    """
    if active:
        assignment = Assignment(active=True, active_since=now)
        asked = view._replace(assignments={**view.assignments, goal.id: assignment})
        completed = is_completed(goal, asked)
    else:
        status = goal_status(goal, view, catalogue)
        period = view.period_of(goal)
        frozen_in = None if period is None or goal.schedule == LIFETIME else period.start
        assignment = Assignment(False, None, status.progress, frozen_in)
        completed = status.completed
    return Switch(assignment, completed and goal.id not in view.completions and view.period_of(goal) is not None)
