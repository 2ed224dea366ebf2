"""Completed goals, in the database."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.events import CompletionKey
from shared.domain.instant import Instant
from shared.postgres.arrays import int_array, nullable_int_array, text_array
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_INSERT = statement("insert_completions")
_MARK_CLAIMED = statement("mark_claimed")
_LOCK = statement("lock_completion")
_RELEASE = statement("release_claim")


def insert_missing(
    connection: Connection, complete_times: Mapping[CompletionKey, Instant | None]
) -> set[CompletionKey]:
    """Store completions, and answer which of them were not stored before."""
    keys = sorted(complete_times)
    rows = _INSERT.rows(
        connection,
        text_array([key.user_id for key in keys]),
        text_array([key.goal_id for key in keys]),
        int_array([key.period_start for key in keys]),
        int_array([key.occurrence for key in keys]),
        nullable_int_array([complete_times[key] for key in keys]),
    )
    return set(map(CompletionKey._make, rows))


def mark_claimed(connection: Connection, key: CompletionKey, claim_time: Instant) -> int | None:
    """Claim a completion, and answer the number of the claim, from 1; None if it is claimed, or not stored."""
    row = _MARK_CLAIMED.row(connection, *key, claim_time)
    return None if row is None else int(row[0])


def lock(connection: Connection, key: CompletionKey) -> None:
    """Lock a completion, before a grant of it is settled and it may have to be released."""
    _LOCK.row(connection, *key)


def release(connection: Connection, key: CompletionKey, claim_number: int) -> bool:
    """Make a completion claimable again; False if another claim holds it, or none."""
    return _RELEASE.row(connection, *key, claim_number) is not None
