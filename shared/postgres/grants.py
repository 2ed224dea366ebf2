"""Claims and the grants that they put into the outbox, in the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.domain.catalogue import Reward, RewardType
from shared.domain.claims import Claim, ClaimState
from shared.domain.events import CompletionKey
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_INSERT = statement("insert_grant")
_FIND = statement("find_claim")
_FIND_BY_REQUEST = statement("find_claim_by_request")


def insert(connection: Connection, claim: Claim, claim_number: int) -> None:
    """Put the grant of a claim into the outbox, due at once."""
    _INSERT.rows(
        connection,
        *claim.key,
        claim_number,
        UUID(claim.grant_id),
        claim.reward.type.value,
        claim.reward.id,
        claim.reward.quantity,
        claim.claim_time,
    )


def find(connection: Connection, key: CompletionKey) -> Claim | None:
    """The claim of a completion; None while it is not claimed."""
    row = _FIND.row(connection, *key)
    return None if row is None else _claim(key.user_id, row)


def find_by_request(connection: Connection, user_id: str, request_id: str) -> Claim | None:
    """The claim that the player made under this request id."""
    row = _FIND_BY_REQUEST.row(connection, user_id, request_id)
    return None if row is None else _claim(user_id, row)


def _claim(user_id: str, row: tuple[Any, ...]) -> Claim:
    goal_id, period_start, occurrence, request_id, grant_id, state, reward_type, reward_id, quantity, claim_time = row
    return Claim(
        key=CompletionKey(user_id, goal_id, period_start, occurrence),
        request_id=request_id,
        state=ClaimState(state),
        reward=Reward(RewardType(reward_type), reward_id, quantity),
        grant_id=str(grant_id),
        claim_time=claim_time,
    )
