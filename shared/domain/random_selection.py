"""Random selection among the goals of a challenge, with the reasons why goals are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from shared.domain.activation_limits import available_from, counted, missing_for
from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.draws import ranked
from shared.domain.goal import Goal
from shared.domain.instant import Instant
from shared.domain.progress import GoalState, goal_status, is_active, is_completed, is_locked
from shared.domain.selecting import Circumstances


class LeftOut(StrEnum):
    """Why a goal cannot be drawn. A goal counts for the first reason that applies, in this order."""

    OTHER_TAG = "OTHER_TAG"
    CLAIMED = "CLAIMED"
    COMPLETED = "COMPLETED"
    HIDDEN = "HIDDEN"
    SUSPENDED = "SUSPENDED"
    NOT_RUNNING = "NOT_RUNNING"
    LOCKED = "LOCKED"
    TARGET_REACHED = "TARGET_REACHED"
    ACTIVE = "ACTIVE"
    ACTIVATION_LOCKED = "ACTIVATION_LOCKED"
    COOLDOWN = "COOLDOWN"
    LIMIT_REACHED = "LIMIT_REACHED"


class Wish(NamedTuple):
    """A request for a draw."""

    number: int
    exclude_active: bool = False
    tag: str = ""
    """Only goals with this tag; empty: any."""


class Draw(NamedTuple):
    """The goals that were drawn, and what they were drawn from."""

    goals: tuple[Goal, ...]
    """In the order of the draw; at most as many as were wanted, and as there are places for."""
    pool_size: int
    """The number of goals that could be drawn. With those left out they are all goals of the challenge."""
    left_out: Mapping[LeftOut, int]
    free_places: int | None = None
    """The number of goals that could be active in addition to those that stay active; None without a limit."""

    @property
    def empty_reason(self) -> LeftOut | None:
        """Why nothing could be drawn: the reason that left out most goals; None if something could."""
        if self.pool_size:
            return None
        # If two reasons have as many goals, the one that is checked last is the closest to a goal that can be drawn.
        return max(self.left_out, key=lambda reason: (self.left_out[reason], list(LeftOut).index(reason)))


def draw(
    challenge: Challenge,
    wish: Wish,
    replace: bool,
    player: Circumstances,
    catalogue: Catalogue,
    now: Instant,
    seed: bytes,
) -> Draw:
    """Draw goals of a challenge for a player by their weights. With `replace` they take the places of the others."""
    places = _places(challenge, replace, player, catalogue)
    drawable: list[int] = []
    left_out: Counter[LeftOut] = Counter()
    for position, goal in enumerate(challenge.goals):
        reason = _reason(goal, wish, player, catalogue, challenge, now)
        if reason is None and places.free == 0 and places.needed_by(goal):
            reason = LeftOut.LIMIT_REACHED
        if reason is None:
            drawable.append(position)
        else:
            left_out[reason] += 1
    order = ranked(drawable, [goal.weight for goal in challenge.goals], seed)
    goals = places.fill(challenge.goals[position] for position in order)
    return Draw(tuple(islice(goals, wish.number)), len(drawable), dict(left_out), places.free)


class _Places(NamedTuple):
    """The places that a challenge's limit leaves."""

    free: int | None
    """None without a limit."""
    taken_by: frozenset[str]
    """The goals that stay active and count."""

    def needed_by(self, goal: Goal) -> bool:
        """Return True if the goal takes a place once it is drawn."""
        return not goal.default_assigned and goal.id not in self.taken_by

    def fill(self, goals: Iterable[Goal]) -> Iterator[Goal]:
        """Yield the goals for which there are places."""
        used = 0
        for goal in goals:
            if self.needed_by(goal):
                if self.free is not None and used >= self.free:
                    continue
                used += 1
            yield goal


def _places(challenge: Challenge, replace: bool, player: Circumstances, catalogue: Catalogue) -> _Places:
    if challenge.max_active is None:
        return _Places(None, frozenset())
    taken_by = counted(challenge, player.view, catalogue)
    if replace:
        taken_by &= player.rewarding
    return _Places(max(0, challenge.max_active - len(taken_by)), taken_by)


def _reason(
    goal: Goal, wish: Wish, player: Circumstances, catalogue: Catalogue, challenge: Challenge, now: Instant
) -> LeftOut | None:
    """Return why the goal cannot be drawn for the player, whatever the limit; None if it can."""
    view = player.view
    if wish.tag and wish.tag not in goal.tags:
        return LeftOut.OTHER_TAG
    completion, target = view.completions.get(goal.id), goal.threshold
    if goal.steps > 1:
        status = goal_status(goal, view, catalogue)
        if status.completed:
            return LeftOut.CLAIMED if status.state is GoalState.CLAIMED else LeftOut.COMPLETED
        target = goal.target_of(status.occurrence)
    elif completion is not None:
        return LeftOut.COMPLETED if completion.claim_time is None else LeftOut.CLAIMED
    active, tally = is_active(goal, view.assignments.get(goal.id), completion, view.selected), view.tally_of(goal)
    reached = tally is not None and tally.measures.judged_by(goal.counting) >= target
    if reached and goal.steps == 1 and active and is_completed(goal, view):
        return LeftOut.COMPLETED
    if goal.hidden and completion is None:
        return LeftOut.HIDDEN
    if goal.suspended:
        return LeftOut.SUSPENDED
    if view.period_of(goal) is None:
        return LeftOut.NOT_RUNNING
    if goal.requires and is_locked(goal, view, catalogue):
        return LeftOut.LOCKED
    if reached:
        return LeftOut.TARGET_REACHED
    if active:
        return LeftOut.ACTIVE if wish.exclude_active else None
    if goal.requires_to_activate and missing_for(goal, view, catalogue):
        return LeftOut.ACTIVATION_LOCKED
    if challenge.cooldown and available_from(challenge, player.inactive_since.get(goal.id)) > now:
        return LeftOut.COOLDOWN
    return None
