"""Old claims and audits, deleted where settings say how long they are kept."""

from __future__ import annotations

from shared.domain.instant import Instant, Microseconds
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_LOCK = statement("lock_claim_retention")
_END_OF_RANGE = statement("end_of_claims")
_DELETE_CLAIMS = statement("delete_old_claims")
_DELETE_AUDITS = statement("delete_old_audits")


def lock(connection: Connection) -> bool:
    """Return whether this transaction is the one that deletes old claims and audits."""
    return bool(_LOCK.value(connection))


def end_of_range(connection: Connection, after: str, claims: int) -> str | None:
    """Return the last player of a range of about this many claims after a player; None if fewer are left."""
    row = _END_OF_RANGE.row(connection, after, claims)
    return None if row is None else str(row[0])


def delete_claims(connection: Connection, after: str, last: str, before: Instant) -> int:
    """Delete settled claims of a range of players whose completions were carried forward, and return their number."""
    return int(_DELETE_CLAIMS.value(connection, after, last, before))


def delete_audits(connection: Connection, now: Instant, kept: Microseconds) -> int:
    """Delete some of the oldest audits, which are at least 400 days old, and return their number."""
    return int(_DELETE_AUDITS.value(connection, now, kept))
