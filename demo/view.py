"""All challenges as the player sees them at one moment, and the difference between two moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc


@dataclass(frozen=True)
class View:
    """A whole response of `ListChallenges`."""

    listed: rpc.ListChallengesResponse

    @cached_property
    def goals(self) -> Mapping[str, challenge_pb2.Goal]:
        """All goals by id, in the catalogue's order."""
        return {goal.goal_id: goal for challenge in self.listed.challenges for goal in challenge.goals}

    @property
    def active(self) -> frozenset[str]:
        """The ids of the active goals."""
        return frozenset(goal_id for goal_id, goal in self.goals.items() if goal.active)

    def in_state(self, *states: challenge_pb2.GoalState.ValueType) -> frozenset[str]:
        """Return the ids of the goals in any of these states."""
        return frozenset(goal_id for goal_id, goal in self.goals.items() if goal.state in states)

    @property
    def done(self) -> frozenset[str]:
        """The ids of the goals that are completed, whether or not their rewards are claimed."""
        return self.in_state(challenge_pb2.GOAL_STATE_COMPLETED, challenge_pb2.GOAL_STATE_CLAIMED)


@dataclass(frozen=True)
class Changes:
    """The changes of goals between two views, by goal id."""

    moved: Mapping[str, int]
    """The new progress of each goal whose progress changed."""
    activated: frozenset[str] = frozenset()
    completed: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()

    @classmethod
    def between(cls, before: View, after: View) -> Changes:
        """Return the difference of two views."""
        completed, claimed = challenge_pb2.GOAL_STATE_COMPLETED, challenge_pb2.GOAL_STATE_CLAIMED
        return cls(
            moved={
                goal_id: goal.progress
                for goal_id, goal in after.goals.items()
                if goal.progress != before.goals[goal_id].progress
            },
            activated=after.active - before.active,
            completed=after.in_state(completed) - before.in_state(completed),
            claimed=after.in_state(claimed) - before.in_state(claimed),
        )

    def __str__(self) -> str:
        parts = [f"{goal_id} at {progress:,}" for goal_id, progress in sorted(self.moved.items())]
        for word, goal_ids in (("active", self.activated), ("completed", self.completed), ("claimed", self.claimed)):
            parts += [f"{goal_id} {word}" for goal_id in sorted(goal_ids)]
        return ", ".join(parts) or "no change"
