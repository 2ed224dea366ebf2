"""Completions of past periods that are carried forward, range by range of players."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from shared.domain.carried_sums import OldCompletion, carried_sums
from shared.domain.events import CompletionKey
from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.goals import settled_completions
from shared.postgres.statements import int_array, nullable_int_array, statement, text_array

_LOCK = statement("lock_completion_retention")
_FIRST_OPEN = statement("first_open_period_of_points")
_END_OF_RANGE = statement("end_of_completions")
_READ_OLD = statement("read_old_completions")
_READ_SETTLED = statement("read_settled_claims")
_LOCK_OLD = statement("lock_old_completions")
_DELETE = statement("delete_completions")
_ADD_CARRIED = statement("add_carried_completions")


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


def find_old(
    connection: Connection,
    after: str,
    last: str,
    before: Mapping[str, Instant],
    closed_before: Instant,
    count: int,
) -> list[CompletionKey]:
    """Return at most `count` completions in a range of players that may be carried forward.

    `before` is the instant before which a goal's periods begin. They were completed and claimed before `closed_before`.
    """
    goal_ids = sorted(before)
    befores = int_array([before[goal_id] for goal_id in goal_ids])
    rows = _READ_OLD.rows(connection, after, last, text_array(goal_ids), befores, closed_before)
    old = list(map(_old_completion, rows))
    return [old[position].key for position in islice(_granted_if_settled(connection, old), count)]


def lock_old(connection: Connection, keys: Iterable[CompletionKey], closed_before: Instant) -> list[OldCompletion]:
    """Lock these completions, and return them without those that were deleted or claimed meanwhile.

    Raise `NodeAway`.
    """
    by_player: dict[str, list[CompletionKey]] = defaultdict(list)
    for key in sorted(keys):
        by_player[key.user_id].append(key)
    if not by_player:
        return []
    # Whoever recalculates standings reads what is left and what was carried forward by two statements on a cluster.
    settled_completions.hold_on_nodes(connection, by_player)
    # One statement for each player, as a cluster demands of locks, and all of them in one round trip.
    locks = [
        _LOCK_OLD.defer(connection, user_id, *_key_columns(of_player)[1:], closed_before)
        for user_id, of_player in by_player.items()
    ]
    connection.execute_deferred()
    return [_old_completion(row) for lock in locks for row in lock.rows]


def carry(connection: Connection, old: Sequence[OldCompletion], closed_before: Instant) -> int:
    """Delete these locked completions, add them to what was carried forward before, and return their number.

    Their grants are looked at again: an operator may have retried one before the completion was locked.
    """
    granted = {old[position].key: number for position, number in _granted_if_settled(connection, old).items()}
    if not granted:
        return 0
    deleted = {CompletionKey(*key) for key in _DELETE.rows(connection, *_key_columns(list(granted)))}
    sums = carried_sums((each, granted[each.key]) for each in old if each.key in deleted)
    if sums:
        keys = sorted(sums)
        values = [sums[key] for key in keys]
        _ADD_CARRIED.rows(
            connection,
            text_array([key.user_id for key in keys]),
            text_array([key.goal_id for key in keys]),
            text_array([key.challenge_id for key in keys]),
            text_array([text_array(key.tags) for key in keys]),
            int_array([value.completed for value in values]),
            int_array([value.claimed for value in values]),
            int_array([value.granted for value in values]),
            int_array([value.points for value in values]),
            nullable_int_array([value.points_time for value in values]),
            nullable_int_array([value.fastest for value in values]),
            closed_before,
        )
    return len(deleted)


def _old_completion(row: tuple[Any, ...]) -> OldCompletion:
    tags, *rest = row[9:]
    return OldCompletion._make((CompletionKey(*row[:4]), *row[4:9], tuple(tags), *rest))


def _granted_if_settled(connection: Connection, old: Sequence[OldCompletion]) -> dict[int, int]:
    """Return the positions of completions whose grants cannot change any more, with the numbers of granted ones."""
    if not old:
        return {}
    rows = _READ_SETTLED.rows(
        connection,
        *_key_columns([each.key for each in old]),
        nullable_int_array([each.complete_time for each in old]),
        nullable_int_array([each.claim_time for each in old]),
        int_array([each.claim_number for each in old]),
        nullable_int_array([each.claimed_rewards for each in old]),
    )
    return {position - 1: granted for position, granted in rows}


def _key_columns(keys: Sequence[CompletionKey]) -> tuple[str, str, str, str]:
    return (
        text_array([key.user_id for key in keys]),
        text_array([key.goal_id for key in keys]),
        int_array([key.period_start for key in keys]),
        int_array([key.occurrence for key in keys]),
    )
