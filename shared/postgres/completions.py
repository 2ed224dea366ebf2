"""Completed goals, in the database."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from shared.domain.errors import RequestIdReused
from shared.domain.events import CompletionKey
from shared.domain.instant import Instant
from shared.postgres.arrays import int_array, nullable_int_array, text_array
from shared.postgres.connection import Connection
from shared.postgres.errors import violated_constraint
from shared.postgres.statements import statement

_INSERT = statement("insert_completions")
_MARK_CLAIMED = statement("mark_claimed")


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


def mark_claimed(connection: Connection, key: CompletionKey, claim_time: Instant, request_id: str | None) -> bool:
    """Claim a completion; False if somebody has, or if it is not stored.

    Raises `RequestIdReused` if the player claimed another completion under this request id.
    """
    try:
        return _MARK_CLAIMED.row(connection, *key, claim_time, request_id) is not None
    except psycopg.errors.UniqueViolation as error:
        if violated_constraint(error) == "completion_claim_request_id":
            raise RequestIdReused("the request id belongs to another claim") from error
        raise
