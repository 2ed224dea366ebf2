"""Old claims and audits, deleted where settings say how long they are kept."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from shared.domain.events import CompletionKey
from shared.domain.instant import Instant, Microseconds
from shared.postgres.connection import Connection
from shared.postgres.goals import settled_completions
from shared.postgres.statements import statement, text_array

_LOCK = statement("lock_claim_retention")
_END_OF_RANGE = statement("end_of_claims")
_READ_OLD = statement("read_old_claims")
_READ_CARRIED = statement("read_carried_goals")
_DELETE = statement("delete_claims")
_DELETE_AUDITS = statement("delete_old_audits")


class OldClaim(NamedTuple):
    """A claim whose grant is settled for good, unless an operator acts on it."""

    key: CompletionKey
    grant_id: UUID
    moved: bool
    """True if it is in the history."""


def lock(connection: Connection) -> bool:
    """Return whether this transaction is the one that deletes old claims and audits."""
    return bool(_LOCK.value(connection))


def end_of_range(connection: Connection, after: str, claims: int) -> str | None:
    """Return the last player of a range of about this many claims after a player; None if fewer are left."""
    row = _END_OF_RANGE.row(connection, after, claims)
    return None if row is None else str(row[0])


def delete_claims(connection: Connection, after: str, last: str, before: Instant) -> int:
    """Delete settled claims of a range of players whose completions were carried forward, and return their number."""
    players = {claim.key.user_id for claim in _without_completion(connection, after, last, before)}
    if not players:
        return 0
    # A completion may have been taken back, or brought by an import, between the looks at it: now none is.
    settled_completions.hold(connection, players)
    gone = _without_completion(connection, after, last, before, players)
    if not gone:
        return 0
    by_table = [text_array([str(claim.grant_id) for claim in gone if claim.moved is moved]) for moved in (False, True)]
    return int(_DELETE.value(connection, *by_table))


def _without_completion(
    connection: Connection, after: str, last: str, before: Instant, held: Collection[str] | None = None
) -> list[OldClaim]:
    """Return old claims of completions that were carried forward; with `held`, of these players."""
    old = [OldClaim(CompletionKey(*row[:4]), *row[4:]) for row in _READ_OLD.rows(connection, after, last, before)]
    if held is not None:
        old = [claim for claim in old if claim.key.user_id in held]
    if not old:
        return []
    # In this order: what is carried forward meanwhile is in the way of nothing.
    user_ids = sorted({claim.key.user_id for claim in old})
    carried = {(*goal,) for goal in _READ_CARRIED.rows(connection, text_array(user_ids))}
    old = [claim for claim in old if claim.key[:2] in carried]
    kept = settled_completions.stored_of(connection, {claim.key for claim in old})
    return [claim for claim in old if claim.key not in kept]


def delete_audits(connection: Connection, now: Instant, kept: Microseconds) -> int:
    """Delete some of the oldest audits, which are at least 400 days old, and return their number."""
    return int(_DELETE_AUDITS.value(connection, now, kept))
