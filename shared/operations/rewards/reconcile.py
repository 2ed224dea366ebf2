"""The duty that finds grants stuck in delivery: their dispatcher died, or could not record what the provider said.

What became of such an attempt is unknown. A provider that can answer is asked; in any other case the grant is delivered
again under the same idempotency key, which the provider makes one.
"""

from __future__ import annotations

import time

from shared.domain.grants import Undetermined, settle
from shared.domain.instant import Instant
from shared.operations.rewards.dispatch import STATEMENT_S, Destination
from shared.operations.rewards.reward_telemetry import RewardTelemetry
from shared.operations.rewards.settle import record
from shared.postgres.database import Database
from shared.postgres.rewards import delivery_queue
from shared.postgres.rewards.delivery_queue import Settled
from shared.runtime.clock import Clock

RECONCILE_INTERVAL_S = 5.0
STALE_MAX = 100
"""Grants that a pass takes up; while there are more, the next one follows at once."""

_LOST = Undetermined("its dispatcher did not come back; what became of the attempt is unknown")


def reconcile(database: Database, destination: Destination, clock: Clock, telemetry: RewardTelemetry) -> int:
    """Take up what is stuck with this provider until nothing is; answers how many grants that were."""
    _end_leases_of_the_dead(database, destination, clock())
    found = 0
    while stale := _one_round(database, destination, clock, telemetry):
        found += stale
        if stale < STALE_MAX:
            break
    return found


def _end_leases_of_the_dead(database: Database, destination: Destination, now: Instant) -> None:
    """Nobody need wait for a dispatcher that is known to have died. A mistake would cost one more attempt."""
    provider, owner = destination.name, destination.owner
    deadline = time.monotonic() + STATEMENT_S
    owners = database.autocommit(lambda connection: delivery_queue.lease_owners(connection, provider, now), deadline)
    gone = [other for other in owners if owner.knows_to_be_gone(other)]
    if gone:
        database.autocommit(lambda connection: delivery_queue.end_leases(connection, provider, gone, now), deadline)


def _one_round(database: Database, destination: Destination, clock: Clock, telemetry: RewardTelemetry) -> int:
    now = clock()
    lease = destination.lease(now)
    deliveries = database.autocommit(
        lambda connection: delivery_queue.take_stale(connection, lease, STALE_MAX, now), time.monotonic() + STATEMENT_S
    )
    measured = telemetry.of_provider(destination.name)
    for delivery in deliveries:
        if clock() + destination.timeout > delivery.lease_until:
            # The provider takes its time: what is left is stuck once more, and found by a later pass.
            break
        answer = destination.provider.find(delivery)
        settlement = settle(delivery.attempt, _LOST if answer is None else answer, destination.policy, 0.5, clock())
        if record(database, [Settled(delivery, settlement)], clock(), time.monotonic() + STATEMENT_S):
            measured.reconciled(settlement.state)
    return len(deliveries)
