"""The challenges and goals that a request names."""

from __future__ import annotations

from collections.abc import Collection

from shared.domain.catalogue import Catalogue, Challenge
from shared.domain.errors import ChallengeNotFound, GoalNotFound
from shared.domain.goal import Goal


def requested_challenges(catalogue: Catalogue, challenge_ids: Collection[str]) -> tuple[Challenge, ...]:
    """Return the challenges with these ids in the catalogue's order, or all if there are no ids."""
    if not challenge_ids:
        return catalogue.challenges
    wanted = frozenset(challenge_ids)
    return tuple(challenge for challenge in catalogue.challenges if challenge.id in wanted)


def challenge_of(catalogue: Catalogue, challenge_id: str) -> Challenge:
    """Return the challenge with this id, or raise `ChallengeNotFound`."""
    challenge = catalogue.challenge_by_id.get(challenge_id)
    if challenge is None:
        raise ChallengeNotFound("there is no such challenge", challenge_id=challenge_id)
    return challenge


def goal_of(catalogue: Catalogue, challenge_id: str, goal_id: str) -> Goal:
    """Return the goal of this challenge, or raise `ChallengeNotFound` or `GoalNotFound`."""
    challenge = challenge_of(catalogue, challenge_id)
    goal = catalogue.goals.get(goal_id)
    if goal is None or goal.challenge_id != challenge.id:
        raise GoalNotFound("the challenge has no such goal", challenge_id=challenge_id, goal_id=goal_id)
    return goal
