"""Claims of completions, stored with their grants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.events import CompletionKey
from shared.domain.grants import Granting
from shared.postgres.connection import Connection
from shared.postgres.goals import completions
from shared.postgres.goals.completions import Unclaimed
from shared.postgres.rewards import outbox
from shared.postgres.rewards.outbox import Claimed

NONE_LOCKED: Mapping[CompletionKey, Unclaimed] = MappingProxyType({})


def store_claims(
    connection: Connection,
    catalogue: Catalogue,
    called: Collection[CompletionKey],
    automatic: Collection[CompletionKey],
    request_id: str | None,
    granting: Granting,
    locked: Mapping[CompletionKey, Unclaimed] = NONE_LOCKED,
) -> dict[CompletionKey, tuple[Claim, Claimed]]:
    """Claim stored completions and queue their grants. Return the new claims; none for what is claimed already.

    `called` are claimed by a call, under its request id, and `automatic` without one: only if they never were before.
    Those of them that are `locked` are claimed in the round trip of the next statement or of COMMIT.
    """
    stored: dict[CompletionKey, tuple[Claim, Claimed]] = {}
    # Nearly every claim is the first of its completion. The next number is read only if it was not.
    first = [
        _claim(catalogue, key, request_id if key in called else None, 1, granting)
        for key in (*called, *automatic)
        if key not in locked
    ]
    if first:
        claimed = outbox.store(connection, first, granting)
        stored = {claim.key: (claim, claimed[claim.key]) for claim in first if claim.key in claimed}
        locks = {
            key: completions.lock_unclaimed(connection, key)
            for key in sorted(called)
            if key not in stored and key not in locked
        }
        connection.execute_deferred()
        found = {key: completions.unclaimed(lock) for key, lock in locks.items()}
        locked = {**locked, **{key: unclaimed for key, unclaimed in found.items() if unclaimed is not None}}
    if locked:
        claims = [
            _claim(catalogue, key, request_id, unclaimed.next_claim_number, granting)
            for key, unclaimed in locked.items()
        ]
        outbox.store_locked(connection, claims, granting)
        for claim in claims:
            _, challenge_id, tags = locked[claim.key]
            stored[claim.key] = claim, Claimed(challenge_id, tuple(tags))
    return stored


def _claim(catalogue: Catalogue, key: CompletionKey, request_id: str | None, number: int, granting: Granting) -> Claim:
    reward = catalogue.goals[key.goal_id].reward
    return Claim(key, request_id, ClaimState.PENDING, reward, grant_id(key, number), granting.claim_time, number)
