"""Claims and their grants in the reward outbox."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from shared.domain.claims import Claim, ClaimState, RefusalReason
from shared.domain.errors import RequestIdReused
from shared.domain.events import CompletionKey
from shared.domain.goal import Reward, RewardType
from shared.postgres.arrays import int_array, text_array
from shared.postgres.connection import Connection
from shared.postgres.sqlstates import violated_constraint
from shared.postgres.statements import statement

_STORE = statement("store_claim")
_FIND = statement("find_claim")
_FIND_BY_REQUEST = statement("find_claim_by_request")
_FIND_BY_GRANT = statement("find_claim_by_grant")
_FIND_NEWEST = statement("find_newest_claims")
_LIST = statement("list_claims")


class Claimed(NamedTuple):
    """The challenge and tags that a claim counts for."""

    challenge_id: str | None
    tags: tuple[str, ...]


def store(connection: Connection, claim: Claim, provider: str) -> Claimed | None:
    """Claim a completion, and store the claim with its grant, due at once, for this provider.

    Return where the claim counts. Store nothing and return None if the completion is claimed or not stored, or if its
    next claim has another number. Raise `RequestIdReused` if the player made another claim under its request id.
    """
    try:
        row = _STORE.row(
            connection,
            *claim.key,
            claim.claim_number,
            UUID(claim.grant_id),
            claim.request_id,
            provider,
            claim.reward.type.value,
            claim.reward.id,
            claim.reward.quantity,
            claim.reward.priority,
            claim.claim_time,
        )
    except psycopg.errors.UniqueViolation as error:
        if violated_constraint(error) == "reward_outbox_request_id":
            raise RequestIdReused("the request id belongs to another claim") from error
        raise
    return None if row is None else Claimed(row[0], tuple(row[1]))


def find(connection: Connection, key: CompletionKey) -> Claim | None:
    """Return the newest claim of a completion; None if it was never claimed."""
    return _claim_or_none(_FIND.row(connection, *key))


def find_by_request(connection: Connection, user_id: str, request_id: str) -> Claim | None:
    """Return the claim that the player made under this request id."""
    return _claim_or_none(_FIND_BY_REQUEST.row(connection, user_id, request_id))


def find_by_grant(connection: Connection, user_id: str, grant_id: UUID) -> Claim | None:
    """Return the player's claim with this grant."""
    return _claim_or_none(_FIND_BY_GRANT.row(connection, user_id, grant_id))


def find_newest(connection: Connection, user_id: str, keys: Sequence[CompletionKey]) -> dict[CompletionKey, Claim]:
    """Return the newest claim of each of these completions of one player."""
    starts, goal_ids = [key.period_start for key in keys], [key.goal_id for key in keys]
    rows = _FIND_NEWEST.rows(connection, user_id, int_array(starts), text_array(goal_ids))
    return {claim.key: claim for claim in map(_claim, rows)}


def page(
    connection: Connection, user_id: str, states: Collection[ClaimState], after: UUID | None, count: int
) -> list[Claim]:
    """Return at most `count` claims of the player in these states, or in any, after the claim with this grant."""
    wanted = text_array([state.value for state in states]) if states else None
    return [_claim(row) for row in _LIST.rows(connection, user_id, wanted, after, count)]


def _claim_or_none(row: tuple[Any, ...] | None) -> Claim | None:
    return None if row is None else _claim(row)


def _claim(row: tuple[Any, ...]) -> Claim:
    *key, claim_number, request_id, grant_id, state = row[:8]
    reward_type, *reward, attempts, refusal, claim_time, settle_time = row[8:]
    return Claim(
        key=CompletionKey(*key),
        request_id=request_id,
        state=ClaimState(state),
        reward=Reward(RewardType(reward_type), *reward),
        grant_id=str(grant_id),
        claim_time=claim_time,
        claim_number=claim_number,
        attempts=attempts,
        refusal=None if refusal is None else RefusalReason(refusal),
        settle_time=settle_time,
    )
