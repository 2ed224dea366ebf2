"""Selections in the database: what a player chose in a challenge and period, and by which requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from shared.domain.instant import LIFETIME_START, Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array

_LOCK = statement("lock_selection")
_STORE = statement("store_selection")
_STORE_UNNAMED = statement("store_unnamed_selection")
_FIND_UNNAMED = statement("find_unnamed_call")
_FIND_RESULT = statement("find_selection_result")
_PRUNE = statement("prune_selections")
_READ_OF_PLAYERS = statement("read_selections_of_players")


class SelectionKey(NamedTuple):
    """The key of a selection."""

    user_id: str
    challenge_id: str
    period_start: Instant = LIFETIME_START
    """The start of the pool's period; that of the lifetime for a challenge that is not a pool."""


class StoredSelection(NamedTuple):
    """A locked selection."""

    goal_ids: tuple[str, ...] | None
    """The selected goals of a pool; None if they are computed, and for other challenges."""
    rerolls: int
    """The number of goals that the player has replaced in this period."""
    result: bytes | None
    """The result that is stored under the request id; None if it is a new request."""


def lock(
    connection: Connection, key: SelectionKey, request_id: str | None, now: Instant
) -> Callable[[], StoredSelection]:
    """Lock a selection in the next round trip, and return a function that returns it after that.

    It is locked before any tally of the player, as the lock order demands. `request_id` is the id of a request whose
    result may be stored.
    """
    execution = _LOCK.defer(connection, *key, request_id, now)

    def locked() -> StoredSelection:
        ((goal_ids, rerolls, result),) = execution.rows
        return StoredSelection(None if goal_ids is None else tuple(goal_ids), rerolls, result)

    return locked


def store(
    connection: Connection,
    key: SelectionKey,
    request_id: str,
    result: bytes,
    *,
    goal_ids: Sequence[str] | None = None,
    rerolls: int = 0,
) -> None:
    """Store a locked selection, and the result of the request that changed it, by the next round trip.

    The 16 latest requests are kept.
    """
    _STORE.defer(connection, *key, _goal_array(goal_ids), rerolls, request_id, result)


def store_unnamed(
    connection: Connection,
    key: SelectionKey,
    call: int,
    *,
    goal_ids: Sequence[str] | None = None,
    rerolls: int = 0,
) -> None:
    """Store a locked selection that a call without a request id has changed, by the next round trip.

    `call` is the call's random number. The 4 latest are kept, in addition to the requests that have an id.
    """
    _STORE_UNNAMED.defer(connection, *key, _goal_array(goal_ids), rerolls, call)


def _goal_array(goal_ids: Sequence[str] | None) -> str | None:
    return None if goal_ids is None else text_array(goal_ids)


def read_of_players(
    connection: Connection, user_ids: Collection[str], first: Instant, last: Instant
) -> Callable[[], dict[SelectionKey, tuple[str, ...]]]:
    """Read, by the next round trip, players' selections in periods that begin from `first` to `last`.

    Return a function that returns their goals after that, without those that are computed.
    """
    execution = _READ_OF_PLAYERS.defer(connection, text_array(sorted(user_ids)), first, last)
    return lambda: {SelectionKey(*key): tuple(goal_ids) for *key, goal_ids in execution.rows}


def find_result(connection: Connection, key: SelectionKey, request_id: str) -> bytes | None:
    """Return the result that is stored under a request id; None if there is none."""
    row = _FIND_RESULT.row(connection, *key, request_id)
    return None if row is None else row[0]


def has_unnamed(connection: Connection, key: SelectionKey, call: int) -> bool:
    """Return True if a call without a request id is one of the latest that changed the selection."""
    row = _FIND_UNNAMED.row(connection, *key, call)
    return row is not None and bool(row[0])


def prune(connection: Connection, after: str, last: str, before: Mapping[str, Instant]) -> None:
    """Delete selections of a range of players whose period begins before an instant by challenge."""
    challenge_ids = sorted(before)
    befores = int_array([before[challenge_id] for challenge_id in challenge_ids])
    _PRUNE.rows(connection, after, last, text_array(challenge_ids), befores)
