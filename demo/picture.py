"""All challenges as the player sees them at one moment, and what differs between two moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc


@dataclass(frozen=True)
class Picture:
    """A whole answer of `ListChallenges`."""

    listed: rpc.ListChallengesResponse

    @cached_property
    def goals(self) -> Mapping[str, challenge_pb2.Goal]:
        """All goals by id, in the catalogue's order."""
        return {goal.goal_id: goal for challenge in self.listed.challenges for goal in challenge.goals}

    @property
    def active(self) -> frozenset[str]:
        """The ids of the active goals."""
        return frozenset(goal_id for goal_id, goal in self.goals.items() if goal.active)

    def in_state(self, state: challenge_pb2.GoalState.ValueType) -> frozenset[str]:
        """The ids of the goals in a state."""
        return frozenset(goal_id for goal_id, goal in self.goals.items() if goal.state == state)

    @property
    def done(self) -> frozenset[str]:
        """The ids of the goals that are completed, whether their rewards are claimed or not."""
        return self.in_state(challenge_pb2.GOAL_STATE_COMPLETED) | self.in_state(challenge_pb2.GOAL_STATE_CLAIMED)

    def changed_since(self, before: Picture) -> frozenset[str]:
        """The ids of the goals that look different in any way."""
        return frozenset(goal_id for goal_id, goal in self.goals.items() if goal != before.goals[goal_id])


@dataclass(frozen=True)
class Changes:
    """What happened to the goals between two pictures, all by goal id."""

    moved: Mapping[str, int]
    """The progress that is new."""
    activated: frozenset[str] = frozenset()
    completed: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()

    @classmethod
    def between(cls, before: Picture, after: Picture) -> Changes:
        """What an observer sees who looks at both."""
        completed = challenge_pb2.GOAL_STATE_COMPLETED
        claimed = challenge_pb2.GOAL_STATE_CLAIMED
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
