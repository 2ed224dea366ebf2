"""The status of a goal for a player, which `shared.domain.progress` computes."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.rewards import RewardsStatus


class GoalState(IntEnum):
    """The state of a goal for a player, derived from progress and completion and never stored."""

    NOT_STARTED = auto()
    IN_PROGRESS = auto()
    COMPLETED = auto()
    CLAIMED = auto()


class GoalStatus(NamedTuple):
    """The status of one goal for one player."""

    active: bool
    locked: bool
    state: GoalState
    progress: int
    """0 to the goal's target."""
    assign_time: Instant | None
    complete_time: Instant | None
    claim_time: Instant | None
    occurrence: int = 1
    """The occurrence that the progress counts for: the first that is not completed, or the last."""
    claimable: int = 0
    """The first occurrence with an unclaimed reward; 0 if there is none, and if the goal does not repeat."""
    continues: bool = False
    """True if the goal is not completed as often as it repeats."""
    rewards: RewardsStatus | None = None
    """The status of its rewards, if the goal is completed and has several, or one that requires an attribute."""

    @property
    def withheld(self) -> bool:
        """True if the goal is completed, and all that is unclaimed requires attributes that the player lacks."""
        return self.rewards is not None and self.state is GoalState.COMPLETED and not self.rewards.is_open

    @property
    def completed(self) -> bool:
        """True if the target was reached while the goal was active, claimed or not.

        A goal that repeats is completed while a reward of it is unclaimed, and once all of them are claimed.
        """
        return self.state is GoalState.COMPLETED or self.state is GoalState.CLAIMED

    @property
    def once_completed(self) -> bool:
        """True if the goal, or its first occurrence, is completed."""
        return self.completed or self.occurrence > 1

    @property
    def under_way(self) -> bool:
        """True if the goal is active and begun, and can be completed once, or once more."""
        return self.active and (self.state is GoalState.IN_PROGRESS or (self.continues and self.occurrence > 1))

    @property
    def finished(self) -> bool:
        """True if the goal is completed, as often as it repeats."""
        return self.completed and not self.continues
