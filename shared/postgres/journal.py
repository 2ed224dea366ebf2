"""The journal of changed scores, in the database: what Redis has yet to be told."""

from __future__ import annotations

from collections.abc import Sequence

from shared.postgres.arrays import text_array
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_INSERT = statement("insert_journal_entry")


def insert(connection: Connection, user_ids: Sequence[str]) -> int:
    """Note players whose scores this transaction changes, and answer the entry's id."""
    row = _INSERT.row(connection, text_array(user_ids))
    if row is None:
        raise LookupError("insert_journal_entry answers one row")
    return int(row[0])
