"""Random selection among the goals of a challenge, with the reasons why goals are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.draws import Weighted, ranked
from shared.domain.goal import Goal
from shared.domain.progress import GoalState, PlayerView, goal_status
from shared.domain.schedules import LIFETIME


class LeftOut(StrEnum):
    """Why a goal cannot be drawn. A goal counts for the first reason that applies, in this order."""

    OTHER_TAG = "OTHER_TAG"
    CLAIMED = "CLAIMED"
    COMPLETED = "COMPLETED"
    SUSPENDED = "SUSPENDED"
    NOT_RUNNING = "NOT_RUNNING"
    LOCKED = "LOCKED"
    TARGET_REACHED = "TARGET_REACHED"
    ACTIVE = "ACTIVE"


class Wish(NamedTuple):
    """A request for a draw."""

    number: int
    exclude_active: bool = False
    tag: str = ""
    """Only goals with this tag; empty: any."""


class Draw(NamedTuple):
    """The goals that were drawn, and what they were drawn from."""

    goals: tuple[Goal, ...]
    """In the order of the draw; at most as many as were wanted."""
    pool_size: int
    """The number of goals that could be drawn. With those left out they are all goals of the challenge."""
    left_out: Mapping[LeftOut, int]

    @property
    def empty_reason(self) -> LeftOut | None:
        """Why nothing could be drawn: the reason that left out most goals; None if something could."""
        if self.pool_size:
            return None
        # Of two reasons with as many goals, the last one that is checked is the closest to a goal that can be drawn.
        return max(self.left_out, key=lambda reason: (self.left_out[reason], list(LeftOut).index(reason)))


def draw(challenge: Challenge, wish: Wish, view: PlayerView, catalogue: Catalogue, seed: bytes) -> Draw:
    """Draw goals of a challenge for a player by their weights."""
    pool: dict[str, Goal] = {}
    left_out: Counter[LeftOut] = Counter()
    for goal in challenge.goals:
        reason = reason_to_leave_out(goal, wish, view, catalogue)
        if reason is None:
            pool[goal.id] = goal
        else:
            left_out[reason] += 1
    order = ranked((Weighted(goal.id, goal.weight) for goal in pool.values()), seed)
    return Draw(tuple(pool[goal_id] for goal_id in order[: wish.number]), len(pool), dict(left_out))


def reason_to_leave_out(goal: Goal, wish: Wish, view: PlayerView, catalogue: Catalogue) -> LeftOut | None:
    """Return why the goal cannot be drawn for the player; None if it can."""
    if wish.tag and wish.tag not in goal.tags:
        return LeftOut.OTHER_TAG
    status = goal_status(goal, view, catalogue)
    if status.completed:
        return LeftOut.CLAIMED if status.state is GoalState.CLAIMED else LeftOut.COMPLETED
    if goal.suspended:
        return LeftOut.SUSPENDED
    if goal.schedule != LIFETIME and view.period_of(goal) is None:
        return LeftOut.NOT_RUNNING
    if status.locked:
        return LeftOut.LOCKED
    tally = view.tally_of(goal)
    if tally is not None and tally.measures.judged_by(goal.counting) >= goal.target:
        return LeftOut.TARGET_REACHED
    if wish.exclude_active and status.active:
        return LeftOut.ACTIVE
    return None
