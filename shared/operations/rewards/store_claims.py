"""Claims of completions, stored with their grants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.events import CompletionKey
from shared.domain.goal import Goal
from shared.domain.grants import Granting
from shared.domain.player_view import Completion
from shared.domain.rewards import NumberedReward, open_rewards, rewards_status
from shared.postgres.connection import Connection
from shared.postgres.goals import completions, settled_completions
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
    attributes: Collection[str] = (),
) -> dict[CompletionKey, tuple[Claim, Claimed]]:
    """Claim stored completions and queue their grants. Return the new claims; none for what is claimed already.

    `called` are claimed by a call, under its request id, and `automatic` without one: only if they never were before.
    Those of them that are `locked` are claimed in the round trip of the next statement or of COMMIT. The player who
    calls has these `attributes`; no automatic claim depends on one.
    """
    goals = catalogue.goals
    stored: dict[CompletionKey, tuple[Claim, Claimed]] = {}
    ids = {key: request_id if key in called else None for key in (*called, *automatic)}
    # Some of several rewards may be claimed, so the rest is read.
    of_several = {key.goal_id for key in ids if not goals[key.goal_id].has_plain_reward}
    locks = {
        key: completions.lock_unclaimed(connection, key, several=True)
        for key in sorted(ids.keys() - locked.keys())
        if key.goal_id in of_several
    }
    # Nearly every other claim is the first of its completion. The next number is read only if it was not.
    first = [
        _claim(key, ids[key], NumberedReward(1, goals[key.goal_id].rewards_of(key.occurrence)[0]), 1, granting)
        for key in ids
        if key not in locked and key not in locks
    ]
    if first:
        claimed = outbox.store(connection, first, granting)
        stored = {claim.key: (claim, claimed[claim.key]) for claim in first if claim.key in claimed}
        known = {*stored, *locked, *locks}
        locks |= {key: completions.lock_unclaimed(connection, key) for key in sorted(called) if key not in known}
    if locks:
        connection.execute_deferred()
        found = {key: completions.unclaimed(lock) for key, lock in locks.items()}
        packed = [key for key in called if key in found and found[key] is None and key.goal_id in of_several]
        if packed:
            # A reward that the goal has got since it was claimed, for example. Others may have unpacked it since.
            # Nothing is locked yet: calls that claim several completions have unpacked them before.
            settled_completions.unpack_named(connection, packed)
            again = {key: completions.lock_unclaimed(connection, key, several=True) for key in sorted(packed)}
            connection.execute_deferred()
            found |= {key: completions.unclaimed(lock) for key, lock in again.items()}
        locked = {**locked, **{key: unclaimed for key, unclaimed in found.items() if unclaimed is not None}}
    if automatic:
        locked = {key: each for key, each in locked.items() if key in called or each.next_claim_number == 1}
    return stored | _store_locked(connection, goals, locked, ids, granting, attributes)


def _store_locked(
    connection: Connection,
    goals: Mapping[str, Goal],
    locked: Mapping[CompletionKey, Unclaimed],
    ids: Mapping[CompletionKey, str | None],
    granting: Granting,
    attributes: Collection[str],
) -> dict[CompletionKey, tuple[Claim, Claimed]]:
    """Claim what is unclaimed of locked completions by the next round trip, and return the claims."""
    single: list[Claim] = []
    several: list[Claim] = []
    stored: dict[CompletionKey, tuple[Claim, Claimed]] = {}
    for key, unclaimed in locked.items():
        goal, number = goals[key.goal_id], unclaimed.next_claim_number
        of_step = goal.rewards_of(key.occurrence)
        completion = Completion(None, unclaimed.claim_time, unclaimed.claimed)
        rewards = list(open_rewards(of_step, rewards_status(of_step, completion, attributes).excluded))
        if not rewards:
            continue
        claim, *further = (
            _claim(key, None if place else ids[key], reward, number, granting) for place, reward in enumerate(rewards)
        )
        claim = claim._replace(further=tuple(further))
        (single if goal.has_plain_reward and unclaimed.claimed is None else several).append(claim)
        stored[key] = (
            claim,
            Claimed(unclaimed.challenge_id, tuple(unclaimed.tags), before=unclaimed.claim_time is not None),
        )
    if single:
        outbox.store_locked(connection, single, granting)
    if several:
        outbox.store_rewards(connection, several, granting)
    return stored


def _claim(
    key: CompletionKey, request_id: str | None, numbered: NumberedReward, claim_number: int, granting: Granting
) -> Claim:
    number, reward = numbered
    grant = grant_id(key, claim_number, number)
    return Claim(
        key, request_id, ClaimState.PENDING, reward, grant, granting.claim_time, claim_number, reward_number=number
    )
