"""The duty for grants stuck in delivery, whose dispatcher died or could not record the provider's reply.

The outcome of such an attempt is unknown. A provider that supports it is asked; otherwise the grant is delivered again
under the same idempotency key, for which the provider gives the reward once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from shared.domain.grants import Undetermined, settle
from shared.domain.instant import Instant
from shared.operations.rewards.destination import Destination
from shared.operations.rewards.dispatch import STATEMENT_TIMEOUT_S
from shared.operations.rewards.reward_telemetry import RewardTelemetry
from shared.operations.rewards.settle import record
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue
from shared.postgres.rewards.delivery_queue import Settled
from shared.runtime.clock import Clock

RECONCILE_INTERVAL_S = 5.0
STALE_MAX = 100
"""Grants taken over in one round. If there are more, the next round follows at once."""

_LOST = Undetermined("the dispatcher was lost; the outcome of the attempt is unknown")


def reconcile(
    database: Database,
    destination: Destination,
    clock: Clock,
    telemetry: RewardTelemetry,
    *,
    jitter: Callable[[], float] = random.random,
) -> int:
    """Take over all grants stuck with this provider, and return how many."""
    _end_leases_of_dead_processes(database, destination, clock())
    found = 0
    while stale := _one_round(database, destination, clock, telemetry, jitter):
        found += stale
        if stale < STALE_MAX:
            break
    return found


def _end_leases_of_dead_processes(database: Database, destination: Destination, now: Instant) -> None:
    """End the leases of processes known to be dead at once. A mistake would cost one extra attempt."""
    provider, owner = destination.name, destination.owner
    deadline = time.monotonic() + STATEMENT_TIMEOUT_S
    owners = database.autocommit(lambda connection: delivery_queue.lease_owners(connection, provider, now), deadline)
    gone = [other for other in owners if owner.knows_to_be_gone(other)]
    if gone:
        database.autocommit(lambda connection: delivery_queue.end_leases(connection, provider, gone, now), deadline)


def _one_round(
    database: Database,
    destination: Destination,
    clock: Clock,
    telemetry: RewardTelemetry,
    jitter: Callable[[], float],
) -> int:
    """Take over stuck grants, ask the provider what became of them, and return how many were taken."""
    now = clock()
    lease = destination.lease(now)
    deliveries = database.autocommit(
        lambda connection: delivery_queue.take_stale(connection, lease, STALE_MAX, now),
        time.monotonic() + STATEMENT_TIMEOUT_S,
    )
    measured = telemetry.of_provider(destination.name)
    for delivery in deliveries:
        if clock() + destination.timeout > delivery.lease_until:
            # The provider is slow. The remaining grants become stuck again, and a later pass takes them over.
            break
        reply = destination.provider.find(delivery)
        attempts, failures = delivery.attempt, delivery.failures
        settlement = settle(
            attempts, failures, _LOST if reply is None else reply, destination.policy, jitter(), clock()
        )
        recorded = record(database, [Settled(delivery, settlement)], clock(), time.monotonic() + STATEMENT_TIMEOUT_S)
        for challenge_id in recorded.values():
            measured.reconciled(challenge_id, settlement.state)
    return len(deliveries)
