"""Completions of past periods that are carried forward, range by range of players."""

from __future__ import annotations

from collections.abc import Mapping

from shared.domain.events import CompletionKey
from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array

_LOCK = statement("lock_completion_retention")
_FIRST_OPEN = statement("first_open_period_of_points")
_END_OF_RANGE = statement("end_of_completions")
_LOCK_OLD = statement("lock_old_completions")
_CARRY = statement("carry_completions")


def lock(connection: Connection) -> bool:
    """Return whether this transaction is the one that carries completions forward."""
    return bool(_LOCK.value(connection))


def first_open_period(connection: Connection) -> Instant | None:
    """Return the start of the oldest period of a leaderboard over points whose ranking is not final."""
    start: Instant | None = _FIRST_OPEN.value(connection)
    return start


def end_of_range(connection: Connection, after: str, completions: int) -> str | None:
    """Return the last player of a range of about this many completions after a player; None if fewer are left."""
    row = _END_OF_RANGE.row(connection, after, completions)
    return None if row is None else str(row[0])


def lock_old(
    connection: Connection,
    after: str,
    last: str,
    before: Mapping[str, Instant],
    closed_before: Instant,
    count: int,
) -> list[CompletionKey]:
    """Lock at most `count` completions in a range of players that may be carried forward, and return their keys.

    `before` is the instant before which a goal's periods begin. They were completed and claimed before `closed_before`.
    """
    goal_ids = sorted(before)
    befores = int_array([before[goal_id] for goal_id in goal_ids])
    rows = _LOCK_OLD.rows(connection, after, last, text_array(goal_ids), befores, closed_before, count)
    return list(map(CompletionKey._make, rows))


def carry(connection: Connection, keys: list[CompletionKey], closed_before: Instant) -> int:
    """Delete these locked completions, add them to what was carried forward before, and return their number."""
    return int(
        _CARRY.value(
            connection,
            text_array([key.user_id for key in keys]),
            text_array([key.goal_id for key in keys]),
            int_array([key.period_start for key in keys]),
            int_array([key.occurrence for key in keys]),
            closed_before,
        )
    )
