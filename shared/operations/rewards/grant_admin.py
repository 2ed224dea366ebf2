"""Actions of operators on grants. Each runs in its own transaction and is recorded in the audit with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from shared.domain.claims import ClaimState
from shared.domain.events import CompletionKey
from shared.domain.grant_changes import Act, ActRefused, GrantStatus
from shared.domain.instant import Instant
from shared.operations.statistics.standing_changes import release_claim
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import completions
from shared.postgres.rewards import grant_admin
from shared.postgres.rewards.grant_admin import GrantCount, KeptGrant

EXAMPLES_MAX = 20

Change = Callable[[GrantStatus], GrantStatus]
"""Returns the changed grant. Raises `ActRefused`."""


class OperatorAction(NamedTuple):
    """An operator's action on a grant, and the reason for it."""

    act: Act
    change: Change
    operator: str
    reason: str
    """Not empty."""


def perform(
    database: Database, grant_id: UUID, action: OperatorAction, now: Instant, deadline: float, *, dry: bool
) -> GrantStatus:
    """Perform the action and return the resulting grant. With `dry` nothing is stored.

    Raise `ActRefused`, also if there is no such grant, and what the database raises.
    """

    def work(connection: Connection) -> GrantStatus:
        found = grant_admin.find(connection, grant_id)
        if found is None:
            raise ActRefused("there is no such grant")
        # Lock in the order of all transactions, then read again, because the grant may have changed meanwhile.
        held = completions.lock(connection, found.key)
        if held is None:
            raise ActRefused("its completion was carried forward: it is older than COMPLETION_RETENTION_D")
        if not dry:
            grant_admin.lock(connection, grant_id)
        grant = grant_admin.find(connection, grant_id)
        if grant is None:
            raise ActRefused("there is no such grant any more")
        after = action.change(grant.status)
        if dry:
            return after
        grant_admin.change(connection, grant_id, after)
        if after.state is ClaimState.REFUNDED:
            release_claim(connection, grant.key, grant.claim_number, grant.reward_number, held)
        grant_admin.note(connection, now, action.operator, action.act, grant, action.reason)
        return after

    def is_committed(connection: Connection, _transaction_id: int, after: GrantStatus) -> bool:
        """Return whether the grant has the status that the change gave it, after a COMMIT without a response."""
        stored = grant_admin.find(connection, grant_id)
        return dry or (stored is not None and stored.status == after)

    return database.transact(work, deadline, written=is_committed)


class Report(NamedTuple):
    """Comparison of claims and grants."""

    counts: list[GrantCount]
    granted_not_claimed: list[UUID]
    """Up to `EXAMPLES_MAX` grants. There should be none."""
    claimed_without_grant: list[CompletionKey]
    """Up to `EXAMPLES_MAX` completions. There should be none."""
    granted_twice: list[UUID]
    """Up to `EXAMPLES_MAX` grants that are stored more than once. There should be none."""
    completed_twice: list[CompletionKey]
    """Up to `EXAMPLES_MAX` completions that are. There should be none."""

    @property
    def agrees(self) -> bool:
        """True if every claim has its grant and every grant its claim, and each is stored once."""
        return not (
            self.granted_not_claimed or self.claimed_without_grant or self.granted_twice or self.completed_twice
        )


def report(database: Database, deadline: float) -> Report:
    """Compare all claims and grants. This takes seconds with millions of them."""
    return database.autocommit(
        lambda connection: Report(
            grant_admin.count_grants(connection),
            grant_admin.granted_not_claimed(connection, EXAMPLES_MAX),
            grant_admin.claimed_without_grant(connection, EXAMPLES_MAX),
            grant_admin.granted_twice(connection, EXAMPLES_MAX),
            grant_admin.completed_twice(connection, EXAMPLES_MAX),
        ),
        deadline,
    )


def show(database: Database, grant_id: UUID, deadline: float) -> tuple[KeptGrant, list[grant_admin.AuditEntry]] | None:
    """Return a grant with its audit entries; None if there is no such grant."""

    def read(connection: Connection) -> tuple[KeptGrant, list[grant_admin.AuditEntry]] | None:
        grant = grant_admin.find(connection, grant_id)
        return None if grant is None else (grant, grant_admin.read_audit(connection, grant_id))

    return database.autocommit(read, deadline)
