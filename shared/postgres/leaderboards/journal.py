"""The journal of changed scores in the database: changes that Redis does not have yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from shared.postgres.connection import Connection
from shared.postgres.statements import int_array, statement, text_array

_INSERT = statement("insert_journal_entry")
_READ = statement("read_journal")
_COUNT = statement("count_journal")
_COMMIT_LAZILY = statement("commit_lazily")
_NAME_FORMAT = statement("name_cache_format")
_DELETE = statement("delete_journal_entries")
_RAISE_EPOCHS_OF = statement("raise_epochs_of")
_RAISE_EPOCHS_BUT_OF = statement("raise_epochs_but_of")
_RAISE_EVERY_EPOCH = statement("raise_every_epoch")
_EMPTY = statement("empty_journal")


class JournalEntry(NamedTuple):
    """A transaction that changed scores."""

    entry_id: int
    user_ids: Sequence[str]


def insert(connection: Connection, user_ids: Sequence[str]) -> int:
    """Record players whose scores this transaction changes, and return the entry's id."""
    return int(_INSERT.value(connection, text_array(user_ids)))


def read(connection: Connection, limit: int) -> list[JournalEntry]:
    """Return the oldest entries."""
    return list(map(JournalEntry._make, _READ.rows(connection, limit)))


def count(connection: Connection, limit: int) -> int:
    """Return the number of entries, at most `limit`."""
    return int(_COUNT.value(connection, limit))


def delete(connection: Connection, entry_ids: Sequence[int], database_key: str) -> None:
    """Delete entries whose scores Redis has under this key of the database, and no entries if the key has changed.

    In a transaction whose commit does not wait for the disk.
    """
    _COMMIT_LAZILY.value(connection)
    _NAME_FORMAT.value(connection)
    _DELETE.rows(connection, int_array(entry_ids), database_key)


def drop(connection: Connection) -> None:
    """Delete all entries, and invalidate all rankings in Redis, which may have missed changes. In a transaction."""
    _RAISE_EVERY_EPOCH.rows(connection)
    _NAME_FORMAT.value(connection)
    _EMPTY.rows(connection)


def invalidate(connection: Connection, board_ids: Collection[str]) -> None:
    """Invalidate the rankings of these leaderboards, in Redis and in the database: they may have missed changes."""
    _RAISE_EPOCHS_OF.rows(connection, text_array(sorted(board_ids)))


def invalidate_all_but(connection: Connection, board_ids: Collection[str]) -> None:
    """Invalidate the rankings of all other leaderboards, in Redis and in the database."""
    _RAISE_EPOCHS_BUT_OF.rows(connection, text_array(sorted(board_ids)))
