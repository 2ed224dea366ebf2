"""Rerolls: a player replaces a goal of a pool by the next one in the order of the period's draw."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from shared.domain.goal import Goal
from shared.domain.progress import PlayerView


def is_reached(goal: Goal, view: PlayerView) -> bool:
    """Return True if the player has completed the goal, or has reached its target without having the goal."""
    tally = view.tally_of(goal)
    return goal.id in view.completions or (
        tally is not None and tally.measures.judged_by(goal.counting) >= goal.threshold and not goal.suspended
    )


def replacement(order: Sequence[str], selected: Collection[str], is_free: Callable[[str], bool]) -> str | None:
    """Return the goal that replaces one of the selected ones; None if no other one is free.

    `order` has the ids of all goals of the pool in the order of the draw. Goals after the last selected one were not
    offered in this period yet, so they come first; then the goals that were replaced before.
    """
    offered = max((position for position, goal_id in enumerate(order) if goal_id in selected), default=-1) + 1
    candidates = (goal_id for goal_id in (*order[offered:], *order[:offered]) if goal_id not in selected)
    return next(filter(is_free, candidates), None)
