"""Claims of completions, stored with their grants."""

from __future__ import annotations

from collections.abc import Collection

from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.events import CompletionKey
from shared.domain.grants import Granting
from shared.postgres.connection import Connection
from shared.postgres.goals import completions
from shared.postgres.rewards import outbox
from shared.postgres.rewards.outbox import Claimed


def store_claims(
    connection: Connection,
    catalogue: Catalogue,
    called: Collection[CompletionKey],
    automatic: Collection[CompletionKey],
    request_id: str | None,
    granting: Granting,
) -> dict[CompletionKey, tuple[Claim, Claimed]]:
    """Claim stored completions and queue their grants. Return the new claims; none for what is claimed already.

    `called` are claimed by a call, under its request id, and `automatic` without one: only if they never were before.
    """
    stored: dict[CompletionKey, tuple[Claim, Claimed]] = {}
    # Nearly every claim is the first of its completion. The next number is read only if it was not.
    numbers = dict.fromkeys((*called, *automatic), 1)
    while numbers:
        claims = [
            _claim(catalogue, key, request_id if key in called else None, number, granting)
            for key, number in numbers.items()
        ]
        claimed = outbox.store(connection, claims, granting)
        stored |= {claim.key: (claim, claimed[claim.key]) for claim in claims if claim.key in claimed}
        further = {
            key: completions.next_claim_number(connection, key)
            for key in sorted(numbers)
            if key not in claimed and key in called
        }
        numbers = {key: number for key, number in further.items() if number is not None}
    return stored


def _claim(catalogue: Catalogue, key: CompletionKey, request_id: str | None, number: int, granting: Granting) -> Claim:
    reward = catalogue.goals[key.goal_id].reward
    return Claim(key, request_id, ClaimState.PENDING, reward, grant_id(key, number), granting.claim_time, number)
