"""Packed completions: what was claimed long ago, many completions of a player in one row.

Reads look at both tables. A statement that stores a completion looks whether it is a packed one. Whatever changes or
deletes stored completions unpacks them before, or all of the player's, in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import psycopg

from shared.domain.events import CompletionKey
from shared.domain.instant import LIFETIME_START, Instant
from shared.postgres.connection import Connection
from shared.postgres.distribution.doubt import InDoubt, NodeAway, await_nodes
from shared.postgres.goals import held_tallies
from shared.postgres.goals.held_tallies import HeldTally
from shared.postgres.statements import int_array, statement, text_array

_LOCK = statement("lock_packing")
_TRY_LOCK = statement("try_lock_packing")
_UNPACK = statement("unpack_completions")
_UNPACK_NAMED = statement("unpack_named_completions")
_READ_STORED = statement("read_stored_completions")
_WITH_OLD = statement("players_with_old_packed")
_END = statement("end_of_packed")
_TO_PACK = statement("players_to_pack")
_ANALYZE = statement("analyze_packed")
_READ_CLAIMED = statement("read_claimed_completions")
_LOCK_TALLIES = statement("lock_tallies_of_player")
_LOCK_CLAIMED = statement("lock_claimed_completions")
_COUNT_PACKED = statement("count_packed")
_OPEN_GRANTS = statement("read_open_grants")
_PACK = statement("pack_completions")

ROW_MAX = 1_024
"""Completions in a row at most. Further ones of a player's lifetime or month stay rows of their own."""
REPACKED_FACTOR = 8
"""A completion is packed again at most about as many times for each time that its row doubles."""


class Fewest(NamedTuple):
    """Numbers of completions from which packing pays."""

    of_player: int
    """Completions that are packed at once."""
    in_row: int
    """Completions of the lifetime or a month, those that are packed already included."""


ANY = Fewest(1, 1)
"""However few they are."""


class PlayerBusy(Exception):
    """Another transaction has rows of the player locked. The transaction must be rolled back."""


def unpack(connection: Connection, user_ids: Collection[str], before: Instant | None = None) -> int:
    """Make packed completions of these players rows of their own again, and return how many.

    With `before` only those of periods that begin before it, with others of their months. None of these players'
    completions are packed until the transaction ends. Call it before the transaction locks rows of the players. Raise
    `NodeAway` as `hold_on_nodes` does.
    """
    hold(connection, user_ids)
    return int(_UNPACK.value(connection, text_array(sorted(user_ids)), before))


def unpack_named(connection: Connection, keys: Collection[CompletionKey]) -> int:
    """Make those of these completions that are packed rows of their own again, and return how many.

    Others of their months stay packed. None of the players' completions are packed until the transaction ends.
    """
    user_ids, goal_ids, starts, occurrences = zip(*sorted(keys), strict=True)
    hold(connection, set(user_ids))
    return int(
        _UNPACK_NAMED.value(
            connection, text_array(user_ids), text_array(goal_ids), int_array(starts), int_array(occurrences)
        )
    )


def unpack_named_later(connection: Connection, keys: Collection[CompletionKey]) -> None:
    """Do what `unpack_named` does in the round trip of the transaction's next statement, which is executed after it.

    On a cluster the players are held first, in a round trip of its own. Raise `NodeAway` as `hold_on_nodes` does.
    """
    user_ids, goal_ids, starts, occurrences = zip(*sorted(keys), strict=True)
    players = text_array(user_ids)
    if connection.on_citus:
        hold_on_nodes(connection, set(user_ids))
    else:
        _LOCK.defer(connection, players)
    _UNPACK_NAMED.defer(connection, players, text_array(goal_ids), int_array(starts), int_array(occurrences))


def hold(connection: Connection, user_ids: Collection[str]) -> None:
    """Let no others pack, unpack, take back or import completions of these players until the transaction ends.

    It is executed in the round trip of the next statement, or on a cluster, where `NodeAway` is raised, before it.
    """
    if connection.on_citus:
        hold_on_nodes(connection, user_ids)
    else:
        _LOCK.precede(connection, text_array(sorted(user_ids)))


def hold_on_nodes(connection: Connection, user_ids: Collection[str]) -> None:
    """On a cluster, let completions of these players neither be packed, unpacked nor carried forward by others.

    It holds until the transaction ends, whose further statements see what was done before. Raise `NodeAway` if a node
    does not show that: one that fails while such a transaction commits shows it later. On one server nothing is done:
    there, one statement sees each completion once.
    """
    if connection.on_citus:
        _LOCK.rows(connection, text_array(sorted(user_ids)))
        try:
            await_nodes(connection)
        except InDoubt as doubt:
            raise NodeAway("a node of the cluster has not committed yet what the coordinator has") from doubt


def stored_of(connection: Connection, keys: Collection[CompletionKey]) -> frozenset[CompletionKey]:
    """Return those of these completions that are stored, packed or not."""
    if not keys:
        return frozenset()
    user_ids, goal_ids, period_starts, occurrences = zip(*sorted(keys), strict=True)
    rows = _READ_STORED.rows(
        connection, text_array(user_ids), text_array(goal_ids), int_array(period_starts), int_array(occurrences)
    )
    return frozenset(map(CompletionKey._make, rows))


def with_old(connection: Connection, after: str, last: str, before: Instant, count: int) -> list[str]:
    """Return the first players of a range who have packed completions of periods that begin before an instant.

    At most `count` of them.
    """
    return [user_id for (user_id,) in _WITH_OLD.rows(connection, after, last, before, count)]


def end_of_range(connection: Connection, after: str, rows: int) -> str | None:
    """Return the last player of a range of about this many packed rows after a player; None if fewer are left."""
    row = _END.row(connection, after, rows)
    return None if row is None else str(row[0])


def to_pack(connection: Connection, after: str, last: str, claimed_before: Instant, fewest: int) -> list[str]:
    """Return the players of a range who have at least `fewest` completions that were claimed before an instant."""
    return [user_id for (user_id,) in _TO_PACK.rows(connection, after, last, claimed_before, fewest)]


def analyze_grown(connection: Connection) -> bool:
    """Let statements be planned again if the packed completions take twice the pages since; return whether they do.

    Otherwise sessions keep plans that were made while there were hardly any, by which each call reads all of them. The
    nodes of a cluster plan each statement when it is executed, so nothing is done there.
    """
    return bool(_ANALYZE.value(connection))


def pack(
    connection: Connection, user_id: str, claimed_before: Instant, before: Mapping[str, Instant], fewest: Fewest = ANY
) -> int:
    """Pack a player's completions that were claimed before an instant, and return how many.

    They are those of the lifetime, and of periods that begin before an instant by goal: reads of current periods do not
    look at packed ones. Those with a grant that may still change are left out, and those for which a row has no room.
    None are packed if they are fewer than the `fewest`, or than an eighth of what would be packed again with them.
    Nothing is waited for longer than 10 ms. Raise `PlayerBusy`.
    """
    if not _TRY_LOCK.value(connection, user_id):
        raise PlayerBusy
    # Most days there is nothing to pack of most players, whose rows are then not even locked.
    due = _chosen(connection, user_id, _READ_CLAIMED.rows(connection, user_id, claimed_before), before, fewest)
    if not due:
        return 0
    goals = {goal_id for goal_id, *_ in due}
    try:
        made = _hold_tallies(connection, user_id, goals)
        locked = _LOCK_CLAIMED.rows(connection, user_id, claimed_before)
    except psycopg.errors.LockNotAvailable as error:
        raise PlayerBusy from error
    keys = _chosen(connection, user_id, [row for row in locked if row[0] in goals], before, fewest)
    packed = 0
    if keys:
        columns = list(zip(*keys, strict=True))
        packed = int(_PACK.value(connection, user_id, text_array(columns[0]), *map(int_array, columns[1:])))
    held_tallies.drop(connection, made)
    return packed


def _hold_tallies(connection: Connection, user_id: str, goals: Collection[str]) -> list[HeldTally]:
    """Let no completions of these goals be stored by others, and return the tallies that were stored for that.

    Raise an error if they just are.
    """
    # Also a completion that is there is stored again: a statement that began before sees neither the row that is
    # deleted nor the packed one.
    wanted = {HeldTally(user_id, *stat) for stat in held_tallies.read_stats(connection, goals).values()}
    missing = wanted - {HeldTally(user_id, *stat) for stat in _LOCK_TALLIES.rows(connection, user_id)}
    if missing:
        held_tallies.limit_wait(connection)
    return held_tallies.hold(connection, missing)


_Key: TypeAlias = tuple[str, Instant, int, Instant]
"""Goal id, start of the period, occurrence, and the end of the month in which the period starts."""


def _chosen(
    connection: Connection,
    user_id: str,
    claimed: Sequence[tuple[Any, ...]],
    before: Mapping[str, Instant],
    fewest: Fewest,
) -> list[_Key]:
    """Return those of a player's claimed completions that are packed; none if they are too few."""
    if len(claimed) < fewest.of_player:
        return []
    unsettled = {(*key,) for key in _OPEN_GRANTS.rows(connection, user_id)}
    packed = dict(_COUNT_PACKED.rows(connection, user_id))
    taken: dict[Instant, list[_Key]] = defaultdict(list)
    for goal_id, start, occurrence, month_end in claimed:
        of_month = taken[month_end]
        if start != LIFETIME_START and start >= before.get(goal_id, start):
            continue
        if (goal_id, start, occurrence) not in unsettled and packed.get(month_end, 0) + len(of_month) < ROW_MAX:
            of_month.append((goal_id, start, occurrence, month_end))
    enough = {
        month_end: of_month
        for month_end, of_month in taken.items()
        if of_month and packed.get(month_end, 0) + len(of_month) >= fewest.in_row
    }
    keys = [key for of_month in enough.values() for key in of_month]
    again = sum(packed.get(month_end, 0) for month_end in enough)
    return [] if len(keys) < max(fewest.of_player, again // REPACKED_FACTOR) else keys
