"""The delivery queue in the database: leases of grants, and the outcomes of their deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from shared.domain.events import CompletionKey
from shared.domain.grants import FINAL, Delivery, Settlement
from shared.domain.instant import Instant
from shared.domain.reward import Reward, RewardType
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, nullable_int_array, statement, text_array

_LEASE = statement("lease_grants")
_BEGIN = statement("begin_grant")
_TAKE_STALE = statement("take_stale_grants")
_OWNERS = statement("lease_owners")
_END_LEASES = statement("end_leases")
_CHALLENGES = statement("read_challenges_of_grants")
_SETTLE = statement("settle_grants")
_RECALL = statement("recall_grants")


class Lease(NamedTuple):
    """The terms on which a dispatcher takes grants."""

    provider: str
    owner: str
    """Process that holds the lease."""
    until: Instant


class Settled(NamedTuple):
    """A delivery attempt and the outcome to store."""

    delivery: Delivery
    settlement: Settlement
    begun: bool = True
    """False if the provider was not called: then the attempt does not count."""


def lease_due(connection: Connection, lease: Lease, count: int, now: Instant) -> list[Delivery]:
    """Lease at most `count` due grants of the lease's provider, and return them in queue order."""
    rows = _LEASE.rows(connection, lease.provider, now, count, lease.owner, lease.until)
    # An UPDATE returns its rows in any order.
    return sorted(map(_delivery, rows), key=_queue_position)


def begin(connection: Connection, delivery: Delivery) -> bool:
    """Count an attempt that begins now; return False if its lease was lost.

    For a delivery of which an earlier attempt was lost; those of others count from their leases on.
    """
    return _BEGIN.row(connection, delivery.grant_id, delivery.lease_token) is not None


def take_stale(connection: Connection, lease: Lease, count: int, now: Instant) -> list[Delivery]:
    """Take over at most `count` grants whose lease has expired, without counting an attempt, and return them."""
    return list(map(_delivery, _TAKE_STALE.rows(connection, lease.provider, now, count, lease.owner, lease.until)))


def lease_owners(connection: Connection, provider: str, now: Instant) -> list[str]:
    """Return the owners of unexpired leases of a provider's grants, as given in `Lease.owner`."""
    return [owner for (owner,) in _OWNERS.rows(connection, provider, now)]


def end_leases(connection: Connection, provider: str, owners: Sequence[str], now: Instant) -> None:
    """Expire the leases of owners that are gone, so that `take_stale` finds them."""
    _END_LEASES.rows(connection, provider, now, text_array(owners))


def settle(connection: Connection, outcomes: Iterable[Settled], now: Instant) -> dict[str, str]:
    """Record the outcomes whose leases still hold, and return the ids of their grants with their challenges' ids.

    The id is empty for a completion that was carried forward.
    """
    # Sorted, so that two processes that settle the same grants lock them in the same order.
    ordered = sorted(outcomes, key=lambda outcome: outcome.delivery.grant_id)
    settlements = [outcome.settlement for outcome in ordered]
    keys = [outcome.delivery.key for outcome in ordered]
    challenges = _CHALLENGES.precede(
        connection,
        text_array([key.user_id for key in keys]),
        text_array([key.goal_id for key in keys]),
        int_array([key.period_start for key in keys]),
        int_array([key.occurrence for key in keys]),
        text_array([outcome.delivery.grant_id for outcome in ordered]),
    )
    rows = _SETTLE.rows(
        connection,
        text_array([outcome.delivery.grant_id for outcome in ordered]),
        int_array([outcome.delivery.lease_token for outcome in ordered]),
        text_array([settlement.state.value for settlement in settlements]),
        nullable_int_array([settlement.due_time for settlement in settlements]),
        int_array([int(not outcome.begun and not outcome.delivery.was_lost) for outcome in ordered]),
        int_array([int(settlement.failed) for settlement in settlements]),
        text_array(["" if settlement.refusal is None else settlement.refusal.value for settlement in settlements]),
        text_array([settlement.error or "" for settlement in settlements]),
        nullable_int_array([now if settlement.state in FINAL else None for settlement in settlements]),
    )
    challenge_of = dict(challenges.rows)
    return {str(grant_id): challenge_of.get(grant_id) or "" for (grant_id,) in rows}


def recall(connection: Connection, grant_ids: Iterable[str]) -> None:
    """Make grants that wait for another attempt due at once, each at the queue position of its claim."""
    # Sorted, as in `settle`.
    _RECALL.rows(connection, text_array(sorted(grant_ids)))


def _delivery(row: Sequence[Any]) -> Delivery:
    grant_id, *key, claim_number, reward_type, reward_id, quantity, priority = row[:10]
    claim_time, attempts, failures, lease_token, lease_until, reward_number = row[10:]
    return Delivery(
        grant_id=str(grant_id),
        key=CompletionKey(*key),
        claim_number=claim_number,
        reward=Reward(RewardType(reward_type), reward_id, quantity, priority),
        claim_time=claim_time,
        attempt=attempts,
        failures=failures,
        lease_token=lease_token,
        lease_until=lease_until,
        reward_number=reward_number,
    )


def _queue_position(delivery: Delivery) -> tuple[int, Instant, str]:
    return delivery.reward.priority, delivery.claim_time, delivery.grant_id
