"""Operators' view of grants in the database, and their changes."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from shared.domain.claims import ClaimState, RefusalReason
from shared.domain.events import CompletionKey
from shared.domain.grant_changes import Act, GrantStatus
from shared.domain.instant import Instant
from shared.domain.reward import Reward, RewardType
from shared.postgres.connection import Connection
from shared.postgres.statements import statement, text_array

_LIST = statement("list_grants")
_FIND = statement("find_grant")
_LOCK = statement("lock_grant")
_RETURN = statement("return_grant")
_CHANGE = statement("change_grant")
_INSERT_AUDIT = statement("insert_audit")
_READ_AUDIT = statement("read_audit")
_COUNT = statement("count_grants")
_GRANTED_NOT_CLAIMED = statement("granted_not_claimed")
_CLAIMED_WITHOUT_GRANT = statement("claimed_without_grant")
_GRANTED_TWICE = statement("granted_twice")
_COMPLETED_TWICE = statement("completed_twice")


SETTLED = frozenset({ClaimState.GRANTED, ClaimState.REFUSED, ClaimState.REFUNDED})
"""The states of grants that are moved to the history."""


class KeptGrant(NamedTuple):
    """A grant with all its stored fields."""

    grant_id: UUID
    key: CompletionKey
    claim_number: int
    reward: Reward
    claim_time: Instant
    status: GrantStatus
    request_id: str | None
    last_error: str | None
    lease_owner: str | None
    lease_until: Instant | None
    reward_number: int


class AuditEntry(NamedTuple):
    """An operator's action on a grant."""

    time: Instant
    operator: str
    """The name that the operator gave."""
    database_role: str | None
    """The role that the operator logged in as; None in old entries."""
    act: Act
    reason: str
    before: dict[str, Any]
    """State, provider, priority and attempts before the action."""


class GrantCount(NamedTuple):
    """Number of a provider's grants in a state."""

    provider: str
    state: ClaimState
    grants: int
    oldest_claim_time: Instant


def list_grants(
    connection: Connection, states: Collection[ClaimState], provider: str | None, user_id: str | None, count: int
) -> list[KeptGrant]:
    """Return at most `count` grants, the oldest claims first. Empty states match all."""
    wanted = text_array([state.value for state in states]) if states else None
    settled = not states or not SETTLED.isdisjoint(states)
    return list(map(_grant, _LIST.rows(connection, wanted, provider, user_id, count, settled)))


def find(connection: Connection, grant_id: UUID) -> KeptGrant | None:
    """Return a grant; None if there is none with this id."""
    row = _FIND.row(connection, grant_id)
    return None if row is None else _grant(row)


def lock(connection: Connection, grant_id: UUID) -> None:
    """Lock a grant, in the outbox, to which it returns if it was moved. Its completion must be locked before."""
    if _LOCK.row(connection, grant_id) is None:
        # It is in the history: whatever moved it had ended before the lock was refused. Only a holder of the
        # completion's lock lets it return.
        _RETURN.rows(connection, grant_id)


def change(connection: Connection, grant_id: UUID, status: GrantStatus) -> None:
    """Store a new status of a locked grant."""
    _CHANGE.rows(
        connection,
        grant_id,
        status.state.value,
        status.provider,
        status.priority,
        status.attempts,
        status.failures,
        status.due_time,
        None if status.refusal is None else status.refusal.value,
        status.settle_time,
    )


def note(connection: Connection, now: Instant, operator: str, act: Act, grant: KeptGrant, reason: str) -> None:
    """Record an action in the audit; `grant` is as it was before."""
    status = grant.status
    before = {
        "state": status.state.value,
        "provider": status.provider,
        "priority": status.priority,
        "attempts": status.attempts,
    }
    _INSERT_AUDIT.rows(connection, now, operator, act.value, grant.grant_id, reason, json.dumps(before))


def read_audit(connection: Connection, grant_id: UUID) -> list[AuditEntry]:
    """Return what operators did to a grant, in order."""
    return [
        AuditEntry(time, operator, role, Act(act), reason, json.loads(before))
        for time, operator, role, act, reason, before in _READ_AUDIT.rows(connection, grant_id)
    ]


def count_grants(connection: Connection) -> list[GrantCount]:
    """Return the number of grants by provider and state."""
    rows = _COUNT.rows(connection)
    return [GrantCount(provider, ClaimState(state), *rest) for provider, state, *rest in rows]


def granted_not_claimed(connection: Connection, count: int) -> list[UUID]:
    """Return at most `count` delivered grants that no claim stands behind."""
    return [grant_id for (grant_id,) in _GRANTED_NOT_CLAIMED.rows(connection, count)]


def claimed_without_grant(connection: Connection, count: int) -> list[CompletionKey]:
    """Return at most `count` claimed completions whose grant is missing."""
    return list(map(CompletionKey._make, _CLAIMED_WITHOUT_GRANT.rows(connection, count)))


def granted_twice(connection: Connection, count: int) -> list[UUID]:
    """Return at most `count` grants that are stored more than once."""
    return [grant_id for (grant_id,) in _GRANTED_TWICE.rows(connection, count)]


def completed_twice(connection: Connection, count: int) -> list[CompletionKey]:
    """Return at most `count` completions that are stored more than once."""
    return list(map(CompletionKey._make, _COMPLETED_TWICE.rows(connection, count)))


def _grant(row: Sequence[Any]) -> KeptGrant:
    grant_id, *key, claim_number, reward_type, reward_id, quantity, claim_time = row[:10]
    state, provider, priority, attempts, failures, due_time, refusal, settle_time, tried = row[10:19]
    status = GrantStatus(
        ClaimState(state),
        provider,
        priority,
        attempts,
        failures,
        due_time,
        None if refusal is None else RefusalReason(refusal),
        settle_time,
        tried,
    )
    reward = Reward(RewardType(reward_type), reward_id, quantity, priority)
    return KeptGrant(grant_id, CompletionKey(*key), claim_number, reward, claim_time, status, *row[19:])
