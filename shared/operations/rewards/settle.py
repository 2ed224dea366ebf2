"""Record of outcomes of delivery attempts."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.instant import Instant
from shared.operations.statistics.standing_changes import release_claim
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import completions
from shared.postgres.rewards import delivery_queue
from shared.postgres.rewards.delivery_queue import Settled


def record(database: Database, outcomes: Sequence[Settled], now: Instant, deadline: float) -> dict[str, str]:
    """Record each outcome whose lease still holds, and return the ids of these grants with their challenges' ids.

    A refusal that allows another claim makes the goal claimable again in the same transaction. Recording an outcome
    again changes nothing. Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    releasing = [outcome for outcome in outcomes if outcome.settlement.claimable_again]
    others = [outcome for outcome in outcomes if not outcome.settlement.claimable_again]
    recorded: dict[str, str] = {}
    if others:
        recorded |= database.acknowledge(lambda connection: delivery_queue.settle(connection, others, now), deadline)
    for outcome in releasing:
        recorded |= _settle_and_release(database, outcome, now, deadline)
    return recorded


def _settle_and_release(database: Database, outcome: Settled, now: Instant, deadline: float) -> dict[str, str]:
    """Record a refusal and make its goal claimable again, in one transaction."""
    delivery = outcome.delivery

    def work(connection: Connection) -> dict[str, str]:
        # Lock the completion first, as claims do.
        held = completions.lock(connection, delivery.key)
        recorded = delivery_queue.settle(connection, [outcome], now)
        if recorded:
            release_claim(connection, delivery.key, delivery.claim_number, delivery.reward_number, held)
        return recorded

    return database.transact(work, deadline)
