"""Claims: a player takes the reward of a completed goal, exactly once."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID, uuid5

from shared.domain.errors import AlreadyClaimed, AttributeMissing, GoalInactive, GoalLocked, GoalNotCompleted
from shared.domain.events import CompletionKey
from shared.domain.instant import Instant
from shared.domain.progress import GoalState, GoalStatus
from shared.domain.reward import Reward

_GRANT_NAMESPACE = UUID("6b0f6f3e-6a0b-5a53-9b0c-0f2d3c7a9d11")


class ClaimState(StrEnum):
    """The state of a claim's grant; `shared.domain.grants` has the rules. Values are stored in the database."""

    PENDING = "PENDING"
    """Waiting until it is due and a dispatcher leases it."""
    DELIVERING = "DELIVERING"
    """Leased by a dispatcher; the outcome is not known yet."""
    GRANTED = "GRANTED"
    """Confirmed by the provider: the player has the reward."""
    REFUSED = "REFUSED"
    """Refused by the provider for good."""
    DEAD = "DEAD"
    """Out of attempts, or buried by an operator. An operator may retry it."""
    REFUNDED = "REFUNDED"
    """Undone by an operator."""


class RefusalReason(StrEnum):
    """The reason a provider will never deliver a grant. Values are stored in the database and sent by providers."""

    INVENTORY_FULL = "INVENTORY_FULL"
    LIMIT_REACHED = "LIMIT_REACHED"
    PLAYER_UNKNOWN = "PLAYER_UNKNOWN"
    REWARD_UNKNOWN = "REWARD_UNKNOWN"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"


CLAIMABLE_AGAIN = frozenset({RefusalReason.INVENTORY_FULL, RefusalReason.LIMIT_REACHED})
"""Reasons that the player or time can remove, so the reward can be claimed again. Any other reason is permanent."""


class Claim(NamedTuple):
    """A claimed reward and its grant."""

    key: CompletionKey
    request_id: str | None
    state: ClaimState
    reward: Reward
    """As defined by the catalogue when it was claimed."""
    grant_id: str
    claim_time: Instant
    claim_number: int = 1
    """Number of the claim of this completion, from 1. A further one is possible only after a refusal or a refund."""
    attempts: int = 0
    """Number of delivery attempts that were begun, or may have been."""
    refusal: RefusalReason | None = None
    """Set exactly in state `REFUSED`."""
    settle_time: Instant | None = None
    """When it reached a final state."""
    reward_number: int = 1
    """The number of the reward among those of the goal, from 1."""
    further: tuple[Claim, ...] = ()
    """The claims of the goal's other rewards that the same call made."""

    @property
    def each(self) -> tuple[Claim, ...]:
        """The claim and the further ones, each without further ones."""
        return self._replace(further=()), *self.further

    def is_same_claim(self, other: Claim) -> bool:
        """Return True if both are the same claim, whatever their states."""
        return (self.grant_id, self.request_id, self.claim_time) == (other.grant_id, other.request_id, other.claim_time)


def grant_id(key: CompletionKey, claim_number: int, reward_number: int = 1) -> str:
    """Return the idempotency key of a grant: a UUIDv5 of the completion, the claim number and that of the reward."""
    # The first reward is left out, so that the ids are those of the time when goals had one reward.
    further = [reward_number] if reward_number > 1 else []
    return str(uuid5(_GRANT_NAMESPACE, json.dumps([*key, claim_number, *further])))


def is_claimable(status: GoalStatus) -> bool:
    """Return True if `check_claimable` raises nothing."""
    return status.state is GoalState.COMPLETED and status.active and not status.locked and not status.withheld


def check_claimable(status: GoalStatus) -> None:
    """Raise an error if the goal has nothing to claim.

    It is `AlreadyClaimed`, `GoalInactive`, `GoalNotCompleted`, `GoalLocked` or `AttributeMissing`, in this order.
    """
    if status.state is GoalState.CLAIMED:
        raise AlreadyClaimed("the reward has already been claimed")
    if not status.active:
        raise GoalInactive("the goal is not active")
    if status.state is not GoalState.COMPLETED:
        raise GoalNotCompleted("the goal is not completed")
    if status.locked:
        raise GoalLocked("a prerequisite of the goal is not completed")
    if status.withheld:
        raise AttributeMissing("what is unclaimed requires an attribute that the player does not have")
