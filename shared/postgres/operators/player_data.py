"""Everything of one player in the database: read, and erased."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.domain.instant import Instant, Microseconds
from shared.domain.operator_acts import Acting
from shared.postgres.connection import Connection
from shared.postgres.goals import settled_completions
from shared.postgres.sqlstates import ContentRefused
from shared.postgres.statements import statement

_READ_ROWS = statement("read_player_rows")
_OPEN_ROWS = statement("open_player_rows")
_FETCH_ROWS = statement("fetch_player_rows")
_TRACES = statement("read_player_traces")
_HAS_USUAL_TRACES = statement("has_usual_traces")
_READ_IDS = statement("read_player_ids")
_MAY_ERASE = statement("may_erase_players")
_UNSETTLED = statement("read_unsettled_grants")
_STORE_TOMBSTONE = statement("store_tombstone")
_DELETE_TOMBSTONE = statement("delete_tombstone")
_OLDEST = statement("oldest_transaction")
_ERASE = statement("erase_player")
_MARK_IMPORTS = statement("mark_erased_imports")
_FORGET_BOOKMARKS = statement("forget_bookmarks")
_FORGET_FINISH_BOOKMARKS = statement("forget_finish_bookmarks")
_DISTRUST = statement("distrust_boards")

_UNSETTLED_STATE = "22C01"
"""The SQLSTATE by which `erase_player` refuses."""


class PlayerRow(NamedTuple):
    """A row that is stored of a player."""

    table: str
    content: str
    """JSON."""


def read_rows(connection: Connection, user_id: str) -> list[PlayerRow]:
    """Return everything that is stored of a player."""
    return list(map(PlayerRow._make, _READ_ROWS.rows(connection, user_id)))


def row_pages(connection: Connection, user_id: str) -> Iterator[list[PlayerRow]]:
    """Yield everything that is stored of a player as of now, in pages of 50 rows; within a transaction."""
    _OPEN_ROWS.precede(connection, user_id)
    while page := list(map(PlayerRow._make, _FETCH_ROWS.rows(connection))):
        yield page


def traces(connection: Connection, user_id: str) -> frozenset[str]:
    """Return the tables in which anything of a player is stored. Thousands of rows cost no more than one."""
    return frozenset(table for (table,) in _TRACES.rows(connection, user_id))


def is_known(connection: Connection, user_id: str) -> bool:
    """Return whether anything is stored of the player.

    Of nearly every player that takes a fortieth of the time of `traces`, which looks at every table.
    """
    return bool(_HAS_USUAL_TRACES.value(connection, user_id)) or bool(traces(connection, user_id))


def read_ids(connection: Connection, after: str, count: int) -> list[str]:
    """Return a page of the players of whom anything is stored, in byte order."""
    return [user_id for (user_id,) in _READ_IDS.rows(connection, after, count)]


def may_erase(connection: Connection) -> bool:
    """Return whether the role may erase players."""
    return bool(_MAY_ERASE.value(connection))


def unsettled_grants(connection: Connection, user_id: str) -> Sequence[tuple[object, str]]:
    """Return the grants of a player that may still be delivered, with their states."""
    return _UNSETTLED.rows(connection, user_id)


def store_tombstone(connection: Connection, user_id: str, now: Instant, horizon_min: Microseconds) -> int:
    """Have events of the player refused, and return the id of the transaction."""
    return int(_STORE_TOMBSTONE.value(connection, user_id, now, horizon_min))


def delete_tombstone(connection: Connection, user_id: str) -> None:
    """Have events of the player accepted again."""
    _DELETE_TOMBSTONE.rows(connection, user_id)


def oldest_transaction(connection: Connection) -> int:
    """Return the id of the oldest transaction that has not ended."""
    return int(_OLDEST.value(connection))


class ErasedPlayer(NamedTuple):
    """A player to erase, and what stays."""

    user_id: str
    pseudonym: str
    """Stays in final rankings and audits."""
    player_hash: str
    """Stays beside the names of imports that brought the player: the keyed hash of the list of erased players."""
    key_hash: str
    """The hash of that key."""


class Erased(NamedTuple):
    """The rows that were deleted or pseudonymised."""

    rows: Mapping[str, int]
    """Numbers of rows by table."""
    transaction_id: int


def erase(connection: Connection, player: ErasedPlayer, acting: Acting) -> Erased:
    """Erase a player, and record it in the audit under the pseudonym."""
    user_id, pseudonym, player_hash, key_hash = player
    settled_completions.unpack(connection, [user_id])
    _FORGET_BOOKMARKS.precede(connection, user_id)
    _FORGET_FINISH_BOOKMARKS.precede(connection, user_id)
    _MARK_IMPORTS.precede(connection, user_id, player_hash, key_hash)
    rows, transaction_id = _ERASE.only_row(connection, user_id, pseudonym, acting.time, acting.operator, acting.reason)
    return Erased(json.loads(rows), transaction_id)


def is_unsettled(refused: ContentRefused) -> bool:
    """Return whether a player was not erased because a grant may still be delivered."""
    return refused.evidence["sqlstate"] == _UNSETTLED_STATE


def distrust_boards(connection: Connection) -> None:
    """Have all rankings built again in Redis, because the player could not be deleted there."""
    _DISTRUST.rows(connection)
