"""Operators' actions on grants. Only a refund of a reward that the player keeps can deliver a reward twice."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from shared.domain.claims import CLAIMABLE_AGAIN, ClaimState, RefusalReason
from shared.domain.instant import Instant


class Act(StrEnum):
    """An operator's action. Values are written to the audit log."""

    RETRY = "retry"
    BURY = "bury"
    PRIORITISE = "prioritise"
    REROUTE = "reroute"
    REFUND = "refund"


class ActRefused(Exception):
    """The grant's state does not allow the action; the message says why."""


class GrantStatus(NamedTuple):
    """The fields of a grant that operators' actions read or change."""

    state: ClaimState
    provider: str
    priority: int
    """1 (first) to 9 (last)."""
    attempts: int
    failures: int
    """Number of the attempts that the provider is known to have failed; 0 once it is granted, refused or refunded."""
    due_time: Instant
    """When the next delivery begins at the earliest, while it is pending."""
    refusal: RefusalReason | None
    settle_time: Instant | None
    tried: bool
    """True if the provider was ever called: it may have granted, whatever is known."""


def retried(grant: GrantStatus, now: Instant) -> GrantStatus:
    """Return the grant due now, with all its attempts available again."""
    if grant.refusal in CLAIMABLE_AGAIN:
        raise ActRefused("the goal is claimable again since it was refused: the player claims it again")
    _require(grant, ClaimState.PENDING, ClaimState.REFUSED, ClaimState.DEAD)
    return grant._replace(
        state=ClaimState.PENDING, attempts=0, failures=0, due_time=now, refusal=None, settle_time=None
    )


def buried(grant: GrantStatus, now: Instant) -> GrantStatus:
    """Return the grant as dead: it is not delivered until it is retried."""
    _require(grant, ClaimState.PENDING)
    return grant._replace(state=ClaimState.DEAD, settle_time=now)


def prioritised(grant: GrantStatus, priority: int) -> GrantStatus:
    """Return the grant with another place in the delivery queue."""
    _require(grant, ClaimState.PENDING, ClaimState.DEAD)
    return grant._replace(priority=priority)


def rerouted(grant: GrantStatus, provider: str) -> GrantStatus:
    """Return the grant assigned to another provider."""
    _require(grant, ClaimState.PENDING, ClaimState.DEAD)
    if grant.tried:
        raise ActRefused(f"{grant.provider} was asked and may have granted it; {provider} would grant it again")
    return grant._replace(provider=provider)


def refunded(grant: GrantStatus, now: Instant) -> GrantStatus:
    """Return the grant as refunded: the goal becomes claimable again."""
    if grant.refusal in CLAIMABLE_AGAIN:
        raise ActRefused("the goal is claimable again since it was refused")
    if grant.state is ClaimState.PENDING and grant.tried:
        raise ActRefused(
            "its provider was called and may be delivering it: bury it first, then find out if it was delivered"
        )
    _require(grant, ClaimState.PENDING, ClaimState.GRANTED, ClaimState.REFUSED, ClaimState.DEAD)
    return grant._replace(state=ClaimState.REFUNDED, failures=0, settle_time=now)


def _require(grant: GrantStatus, *states: ClaimState) -> None:
    if grant.state not in states:
        raise ActRefused(f"the grant is {grant.state}, must be {' or '.join(states)}")
