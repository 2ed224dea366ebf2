"""Limits on what a player may activate in a challenge."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.errors import ActivationLimitReached, ActivationLocked, OnCooldown
from shared.domain.goal import Goal
from shared.domain.instant import Instant, to_datetime
from shared.domain.progress import PlayerView, goal_status, is_met


def counted(challenge: Challenge, view: PlayerView, catalogue: Catalogue) -> frozenset[str]:
    """Return the ids of the goals that count towards the challenge's `max_active`: active and worked on.

    Goals that are active by default do not count, and neither do those that are completed or whose season is not
    running.
    """
    return frozenset(goal.id for goal in challenge.goals if _counts(goal, view, catalogue))


def _counts(goal: Goal, view: PlayerView, catalogue: Catalogue) -> bool:
    if goal.default_assigned or view.period_of(goal) is None:
        return False
    status = goal_status(goal, view, catalogue)
    return status.active and not status.finished


def missing_for(goal: Goal, view: PlayerView, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the ids of the goals that must be completed before this one can be activated, and are not."""
    required = map(catalogue.goals.__getitem__, goal.requires_to_activate)
    return tuple(other.id for other in required if not is_met(goal, other, view))


def available_from(challenge: Challenge, inactive_since: Instant | None) -> Instant:
    """Return from when a goal of the challenge can be activated again; 0 if it can at any time.

    `inactive_since` is when it was last deactivated; None if it never was.
    """
    return 0 if inactive_since is None else inactive_since + challenge.cooldown


def check_activation(
    challenge: Challenge,
    activated: Iterable[Goal],
    before: PlayerView,
    after: PlayerView,
    inactive_since: Mapping[str, Instant],
    catalogue: Catalogue,
    now: Instant,
) -> None:
    """Raise `ActivationLocked`, `OnCooldown` or `ActivationLimitReached` if `activated` may not be activated now.

    `activated` are the goals of the challenge that the call activates. `before` and `after` are the player without and
    with all switches of the call. `inactive_since` has the last deactivations by goal id. If `max_active` was lowered
    below the number of active goals, only activations are refused: nothing is deactivated.
    """
    goals = tuple(activated)
    for goal in goals:
        if missing := missing_for(goal, before, catalogue):
            raise ActivationLocked(
                f"the goal {goal.id!r} can be activated once others are completed",
                goal_id=goal.id,
                missing_goal_ids=",".join(missing),
            )
    for goal in goals:
        available = available_from(challenge, inactive_since.get(goal.id))
        if available > now:
            raise OnCooldown(
                f"the goal {goal.id!r} was deactivated a short time ago",
                goal_id=goal.id,
                available_time=to_datetime(available).isoformat(),
            )
    if challenge.max_active is not None:
        active = counted(challenge, after, catalogue)
        if len(active) > challenge.max_active and not active.isdisjoint(goal.id for goal in goals):
            raise ActivationLimitReached(
                f"at most {challenge.max_active} goals of the challenge can be active at once",
                challenge_id=challenge.id,
                max_active=str(challenge.max_active),
            )


def is_limited(challenge: Challenge, goals: Collection[Goal]) -> bool:
    """Return True if the activation of one of these goals of the challenge may be forbidden."""
    return (
        challenge.max_active is not None or challenge.cooldown > 0 or any(goal.requires_to_activate for goal in goals)
    )
