"""Claims: a player takes the reward of a completed goal, once."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID, uuid5

from shared.domain.catalogue import Reward
from shared.domain.errors import AlreadyClaimed, GoalInactive, GoalLocked, GoalNotCompleted
from shared.domain.events import CompletionKey
from shared.domain.instant import Instant
from shared.domain.progress import GoalState, GoalStatus

_GRANT_NAMESPACE = UUID("6b0f6f3e-6a0b-5a53-9b0c-0f2d3c7a9d11")


class ClaimState(StrEnum):
    """How far the grant of a claim is; the value is what the database stores. `shared.domain.grants` has the rules."""

    PENDING = "PENDING"
    """It waits until it is due and a dispatcher takes it."""
    DELIVERING = "DELIVERING"
    """A dispatcher has leased it; what the provider does with it is not known yet."""
    GRANTED = "GRANTED"
    """The provider said that the player has it."""
    REFUSED = "REFUSED"
    """The provider said no, for good."""
    DEAD = "DEAD"
    """All attempts are spent, or an operator buried it; an operator may try it again."""
    REFUNDED = "REFUNDED"
    """An operator undid the claim."""


class RefusalReason(StrEnum):
    """Why a provider will never deliver a grant; the value is what the database stores and providers write."""

    INVENTORY_FULL = "INVENTORY_FULL"
    LIMIT_REACHED = "LIMIT_REACHED"
    PLAYER_UNKNOWN = "PLAYER_UNKNOWN"
    REWARD_UNKNOWN = "REWARD_UNKNOWN"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"


CLAIMABLE_AGAIN = frozenset({RefusalReason.INVENTORY_FULL, RefusalReason.LIMIT_REACHED})
"""What the player can do something about, or time can: the goal's reward can be claimed once more. Any other reason
would be the same next time."""


class Claim(NamedTuple):
    """A claimed reward and its grant."""

    key: CompletionKey
    request_id: str | None
    state: ClaimState
    reward: Reward
    """As the catalogue said at the time of the claim."""
    grant_id: str
    claim_time: Instant
    claim_number: int = 1
    """Which claim of this completion, from 1: there is another one only after a refusal or a refund."""
    attempts: int = 0
    """How often its delivery was begun."""
    refusal: RefusalReason | None = None
    """Given with `REFUSED`."""
    settle_time: Instant | None = None
    """When it reached a state that is final."""

    def is_same_claim(self, other: Claim) -> bool:
        """Whether both are one claim, however far it is."""
        return (self.grant_id, self.request_id, self.claim_time) == (other.grant_id, other.request_id, other.claim_time)


def grant_id(key: CompletionKey, claim_number: int) -> str:
    """The idempotency key of a grant: a UUIDv5 of what is granted for, the same however often it is computed."""
    return str(uuid5(_GRANT_NAMESPACE, json.dumps([*key, claim_number])))


def check_claimable(status: GoalStatus) -> None:
    """Raise why the goal's reward cannot be claimed.

    Raises `AlreadyClaimed`, `GoalInactive`, `GoalNotCompleted` or `GoalLocked`, in this order.
    """
    if status.state is GoalState.CLAIMED:
        raise AlreadyClaimed("the reward is claimed already")
    if not status.active:
        raise GoalInactive("the goal is not active")
    if status.state is not GoalState.COMPLETED:
        raise GoalNotCompleted("the goal is not completed")
    if status.locked:
        raise GoalLocked("a prerequisite of the goal is not completed")
