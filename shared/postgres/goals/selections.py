"""Selections in the database: what a player chose in a challenge and period, and by which requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from shared.domain.instant import LIFETIME_START, Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array

_LOCK = statement("lock_selection")
_STORE = statement("store_selection")
_FIND_RESULT = statement("find_selection_result")
_PRUNE = statement("prune_selections")
_READ = statement("read_selections")
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


def lock(connection: Connection, key: SelectionKey, request_id: str | None, now: Instant) -> StoredSelection:
    """Lock a selection before any tally of the player, as the lock order demands, and return it.

    `request_id` is the id of a request whose result may be stored.
    """
    goal_ids, rerolls, result = _LOCK.only_row(connection, *key, request_id, now)
    return StoredSelection(None if goal_ids is None else tuple(goal_ids), rerolls, result)


def hold(connection: Connection, key: SelectionKey, now: Instant) -> None:
    """Lock a selection before any tally of the player, before the next statement is executed."""
    _LOCK.defer(connection, *key, None, now)


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
    chosen = None if goal_ids is None else text_array(goal_ids)
    _STORE.defer(connection, *key, chosen, rerolls, request_id, result)


def read(connection: Connection, keys: Collection[SelectionKey]) -> dict[SelectionKey, tuple[str, ...]]:
    """Return the goals of these selections, without those that are computed."""
    found = sorted(keys)
    rows = _READ.rows(
        connection,
        text_array([key.user_id for key in found]),
        text_array([key.challenge_id for key in found]),
        int_array([key.period_start for key in found]),
    )
    return {SelectionKey(*key): tuple(goal_ids) for *key, goal_ids in rows}


def read_of_players(
    connection: Connection, user_ids: Collection[str], first: Instant, last: Instant
) -> dict[SelectionKey, tuple[str, ...]]:
    """Return the goals of players' selections in periods that begin from `first` to `last`, without computed ones."""
    rows = _READ_OF_PLAYERS.rows(connection, text_array(sorted(user_ids)), first, last)
    return {SelectionKey(*key): tuple(goal_ids) for *key, goal_ids in rows}


def find_result(connection: Connection, key: SelectionKey, request_id: str) -> bytes | None:
    """Return the result that is stored under a request id; None if there is none."""
    row = _FIND_RESULT.row(connection, *key, request_id)
    return None if row is None else row[0]


def prune(connection: Connection, after: str, last: str, before: Mapping[str, Instant]) -> None:
    """Delete selections of a range of players whose period begins before an instant by challenge."""
    challenge_ids = sorted(before)
    befores = int_array([before[challenge_id] for challenge_id in challenge_ids])
    _PRUNE.rows(connection, after, last, text_array(challenge_ids), befores)
