"""What operators may do to a grant. Only a refund of what the player keeps lets a reward reach somebody twice."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from shared.domain.claims import CLAIMABLE_AGAIN, ClaimState, RefusalReason
from shared.domain.instant import Instant


class Act(StrEnum):
    """Something that an operator does; the value is what the audit says."""

    RETRY = "retry"
    BURY = "bury"
    PRIORITISE = "prioritise"
    REROUTE = "reroute"
    REFUND = "refund"


class ActRefused(Exception):
    """The grant is not in a state in which this may be done; the message says why."""


class GrantStatus(NamedTuple):
    """Everything about a grant that an operator may change."""

    state: ClaimState
    provider: str
    priority: int
    """1 (first) to 9 (last)."""
    attempts: int
    due_time: Instant
    refusal: RefusalReason | None
    settle_time: Instant | None
    tried: bool
    """Whether its provider was ever asked: then it may have granted, whatever is known about it."""


def retried(grant: GrantStatus, now: Instant) -> GrantStatus:
    """Delivered at once, with all attempts before it."""
    if grant.refusal in CLAIMABLE_AGAIN:
        raise ActRefused("the goal is claimable again since it was refused: the player claims anew")
    _require(grant, ClaimState.PENDING, ClaimState.REFUSED, ClaimState.DEAD)
    return grant._replace(state=ClaimState.PENDING, attempts=0, due_time=now, refusal=None, settle_time=None)


def buried(grant: GrantStatus, now: Instant) -> GrantStatus:
    """Not delivered until it is retried."""
    _require(grant, ClaimState.PENDING)
    return grant._replace(state=ClaimState.DEAD, settle_time=now)


def prioritised(grant: GrantStatus, priority: int) -> GrantStatus:
    """In another place of the queue."""
    _require(grant, ClaimState.PENDING, ClaimState.DEAD)
    return grant._replace(priority=priority)


def rerouted(grant: GrantStatus, provider: str) -> GrantStatus:
    """With another provider."""
    _require(grant, ClaimState.PENDING, ClaimState.DEAD)
    if grant.tried:
        raise ActRefused(f"{grant.provider} was asked and may have granted it; {provider} would grant it again")
    return grant._replace(provider=provider)


def refunded(grant: GrantStatus, now: Instant) -> GrantStatus:
    """Undone: the goal becomes claimable again."""
    if grant.refusal in CLAIMABLE_AGAIN:
        raise ActRefused("the goal is claimable again since it was refused")
    if grant.state is ClaimState.PENDING and grant.tried:
        raise ActRefused("its provider was asked, and it may be on its way: bury it first, and see what became of it")
    _require(grant, ClaimState.PENDING, ClaimState.GRANTED, ClaimState.REFUSED, ClaimState.DEAD)
    return grant._replace(state=ClaimState.REFUNDED, settle_time=now)


def _require(grant: GrantStatus, *states: ClaimState) -> None:
    if grant.state not in states:
        raise ActRefused(f"it is {grant.state}, and has to be {' or '.join(states)}")
