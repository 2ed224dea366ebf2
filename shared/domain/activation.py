"""Switching a goal on or off for a player."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.catalogue import Catalogue, Goal
from shared.domain.instant import Instant
from shared.domain.progress import Assignment, PlayerView, goal_status, is_active, is_completed


class Switch(NamedTuple):
    """What is to be stored."""

    assignment: Assignment
    completed: bool
    """The goal is completed by what the tally holds, and no completion is stored yet."""


def is_so_already(goal: Goal, active: bool, view: PlayerView) -> bool:
    """Whether the goal is as asked for."""
    return is_active(goal, view.assignments.get(goal.id), view.completions.get(goal.id)) == active


def switch(goal: Goal, active: bool, view: PlayerView, catalogue: Catalogue, now: Instant) -> Switch:
    """Make the goal active or inactive.

    Deactivating keeps what was shown: the progress is frozen, and what was shown as completed stays completed. An
    activated goal counts everything that the tally holds, also from before.
    """
    if active:
        assignment = Assignment(active=True, active_since=now)
        asked = view._replace(assignments={**view.assignments, goal.id: assignment})
        completed = is_completed(goal, asked)
    else:
        status = goal_status(goal, view, catalogue)
        assignment = Assignment(active=False, active_since=None, frozen_progress=status.progress)
        completed = status.completed
    return Switch(assignment, completed and goal.id not in view.completions)
