"""The queue of grants: leased for delivery, and what became of them, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from shared.domain.catalogue import Reward, RewardType
from shared.domain.events import CompletionKey
from shared.domain.grants import FINAL, Delivery, Settlement
from shared.domain.instant import Instant
from shared.postgres.arrays import int_array, nullable_int_array, text_array
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_LEASE = statement("lease_grants")
_TAKE_STALE = statement("take_stale_grants")
_OWNERS = statement("lease_owners")
_END_LEASES = statement("end_leases")
_SETTLE = statement("settle_grants")
_RECALL = statement("recall_grants")


class Lease(NamedTuple):
    """Who takes grants, and for how long."""

    provider: str
    owner: str
    """Which process it was."""
    until: Instant


class Settled(NamedTuple):
    """An attempt and what is to be stored of it."""

    delivery: Delivery
    settlement: Settlement
    begun: bool = True
    """False: the provider was not asked, and the attempt does not count."""


def lease_due(connection: Connection, lease: Lease, count: int, now: Instant) -> list[Delivery]:
    """Lease at most `count` due grants, the first of the queue first."""
    rows = _LEASE.rows(connection, lease.provider, now, count, lease.owner, lease.until)
    # An UPDATE answers its rows in any order.
    return sorted(map(_delivery, rows), key=_place)


def take_stale(connection: Connection, lease: Lease, count: int, now: Instant) -> list[Delivery]:
    """Lease anew at most `count` grants whose lease is over, without counting an attempt."""
    return list(map(_delivery, _TAKE_STALE.rows(connection, lease.provider, now, count, lease.owner, lease.until)))


def lease_owners(connection: Connection, provider: str, now: Instant) -> list[str]:
    """Who holds leases of a provider's grants, as `Lease.owner` said."""
    return [owner for (owner,) in _OWNERS.rows(connection, provider, now)]


def end_leases(connection: Connection, provider: str, owners: Sequence[str], now: Instant) -> None:
    """End the leases of owners that are gone: `take_stale` takes them up."""
    _END_LEASES.rows(connection, provider, now, text_array(owners))


def settle(connection: Connection, outcomes: Iterable[Settled], now: Instant) -> set[str]:
    """Record outcomes under leases that still hold, and answer the ids of the grants for which that was so."""
    # Sorted, so that two who settle the same grants lock them in the same order.
    ordered = sorted(outcomes, key=lambda outcome: outcome.delivery.grant_id)
    settlements = [outcome.settlement for outcome in ordered]
    rows = _SETTLE.rows(
        connection,
        text_array([outcome.delivery.grant_id for outcome in ordered]),
        int_array([outcome.delivery.lease_token for outcome in ordered]),
        text_array([settlement.state.value for settlement in settlements]),
        nullable_int_array([settlement.due_time for settlement in settlements]),
        int_array([0 if outcome.begun else 1 for outcome in ordered]),
        text_array(["" if settlement.refusal is None else settlement.refusal.value for settlement in settlements]),
        text_array([settlement.error or "" for settlement in settlements]),
        nullable_int_array([now if settlement.state in FINAL else None for settlement in settlements]),
    )
    return {str(grant_id) for (grant_id,) in rows}


def recall(connection: Connection, grant_ids: Iterable[str]) -> None:
    """Make grants that wait for another attempt due at once, each in the place of its claim."""
    # Sorted, as `settle` does it.
    _RECALL.rows(connection, text_array(sorted(grant_ids)))


def _delivery(row: Sequence[Any]) -> Delivery:
    grant_id, *key, claim_number, reward_type, reward_id, quantity, priority = row[:10]
    claim_time, attempts, lease_token, lease_until = row[10:]
    return Delivery(
        grant_id=str(grant_id),
        key=CompletionKey(*key),
        claim_number=claim_number,
        reward=Reward(RewardType(reward_type), reward_id, quantity, priority),
        claim_time=claim_time,
        attempt=attempts,
        lease_token=lease_token,
        lease_until=lease_until,
    )


def _place(delivery: Delivery) -> tuple[int, Instant, str]:
    return delivery.reward.priority, delivery.claim_time, delivery.grant_id
