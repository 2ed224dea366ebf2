"""Rungs: the steps of goals, each with its target."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.goal import Goal


class Rung(NamedTuple):
    """One step of a goal: a target, and the completion that reaching it causes."""

    goal: Goal
    occurrence: int = 1
    """From 1."""

    @property
    def target(self) -> int:
        """The measure at which the step is reached."""
        return self.goal.target_of(self.occurrence)


def rungs_of(goal: Goal) -> tuple[Rung, ...]:
    """Return the steps of a goal, by ascending target."""
    return tuple(Rung(goal, occurrence) for occurrence in range(1, goal.steps + 1))
