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
    """How far the grant of a claim is; the value is what the database stores."""

    PENDING = "PENDING"


class Claim(NamedTuple):
    """A claimed reward and its grant."""

    key: CompletionKey
    request_id: str | None
    state: ClaimState
    reward: Reward
    """As the catalogue said at the time of the claim."""
    grant_id: str
    claim_time: Instant


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
