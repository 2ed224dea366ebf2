"""Selection of goals: what to activate and deactivate so that a player has chosen exactly these."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from shared.domain.activation import is_already_set
from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.errors import GoalNotFound, SelectedByPool
from shared.domain.goal import Goal
from shared.domain.instant import Instant
from shared.domain.progress import GoalState, PlayerView, goal_status


class Switches(NamedTuple):
    """The goals to activate and to deactivate, in the catalogue's order."""

    on: tuple[Goal, ...] = ()
    off: tuple[Goal, ...] = ()


def refuse_pool(challenge: Challenge) -> None:
    """Raise `SelectedByPool` if the challenge is a pool."""
    if challenge.pool is not None:
        raise SelectedByPool("the challenge is a pool, which chooses the player's goals", challenge_id=challenge.id)


def goals_named(challenge: Challenge, goal_ids: Iterable[str]) -> tuple[Goal, ...]:
    """Return the goals with these ids once each, in the catalogue's order.

    Raise `GoalNotFound` with all unknown ids.
    """
    known = {goal.id for goal in challenge.goals}
    wanted: set[str] = set()
    unknown: dict[str, int] = {}
    for index, goal_id in enumerate(goal_ids):
        if goal_id in known:
            wanted.add(goal_id)
        else:
            unknown.setdefault(goal_id, index)
    if unknown:
        raise GoalNotFound(
            f"the challenge has no such goals: {', '.join(map(repr, unknown))}",
            challenge_id=challenge.id,
            # Whatever lengths the ids have, all indexes fit into an error; the ids may be cut off.
            indexes=",".join(map(str, unknown.values())),
            goal_ids=",".join(unknown),
        )
    return tuple(goal for goal in challenge.goals if goal.id in wanted)


class Circumstances(NamedTuple):
    """The state of a player that a selection depends on."""

    view: PlayerView
    rewarding: frozenset[str] = frozenset()
    """Ids of goals of which a past period has a reward to claim."""
    inactive_since: Mapping[str, Instant] = MappingProxyType({})
    """When goals were deactivated, by id, of a challenge with a cooldown."""


def switches_to(
    challenge: Challenge, chosen: Collection[Goal], replace: bool, player: Circumstances, catalogue: Catalogue
) -> Switches:
    """Return what is to be switched so that the player has selected these goals, with `replace` no others.

    What is selected again is kept, and so are goals that are active by default and goals with a reward to claim.
    """
    kept = {goal.id for goal in chosen}
    on = tuple(goal for goal in challenge.goals if goal.id in kept and not is_already_set(goal, True, player.view))
    if not replace:
        return Switches(on)
    # Only these can be active without being so by default, and they are few.
    touched = player.view.assignments.keys() | player.view.completions.keys()
    others = (goal for goal in challenge.goals if goal.id in touched and goal.id not in kept)
    return Switches(on, tuple(goal for goal in others if can_be_replaced(goal, player, catalogue)))


def can_be_replaced(goal: Goal, player: Circumstances, catalogue: Catalogue) -> bool:
    """Return True if a selection that replaces deactivates the goal unless it is selected again."""
    if goal.default_assigned or goal.id in player.rewarding or not is_already_set(goal, True, player.view):
        return False
    return goal_status(goal, player.view, catalogue).state is not GoalState.COMPLETED
