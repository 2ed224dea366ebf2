"""Which indexes the migrations make: they are run once more, in a schema that is rolled back.

What a file says need not be what is there in the end, because a later one may drop it, alone or with its column. Only
the text of an index, to create it by, is taken from the files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from shared.domain.maintenance import Index
from shared.postgres.connection import Connection
from shared.postgres.schema import MIGRATIONS
from shared.postgres.statements import statement

_LIST = statement("list_indexes")
_CREATE_INDEX = re.compile(r"^(CREATE (?:UNIQUE )?INDEX) (\w+) (ON [^;]+);", re.MULTILINE)


class _Migration(NamedTuple):
    text: bytes


class Creation(NamedTuple):
    """How an index is created beside those who write: the migration's own words, and CONCURRENTLY."""

    text: bytes


def wanted_indexes(connection: Connection) -> list[Index]:
    """The indexes of a database that all migrations have been applied to. Needs the right to create a schema."""
    connection.execute("BEGIN")
    try:
        connection.execute("CREATE SCHEMA challenge_blueprint")
        connection.execute("SET LOCAL search_path TO challenge_blueprint")
        for path in _files():
            migration = _Migration(path.read_bytes())
            connection.run_script(migration.text)
        return present_indexes(connection)
    finally:
        connection.execute("ROLLBACK")


def present_indexes(connection: Connection) -> list[Index]:
    """The indexes of this database."""
    return list(map(Index._make, _LIST.rows(connection)))


def create_index(connection: Connection, name: str) -> None:
    """Create an index that a migration creates."""
    creation = _creations()[name]
    connection.execute(creation.text)


def _creations() -> dict[str, Creation]:
    """By the index's name; of several the newest."""
    found = {}
    for path in _files():
        for create, name, rest in _CREATE_INDEX.findall(path.read_text(encoding="utf-8")):
            found[name] = Creation(f"{create} CONCURRENTLY {name} {rest}".encode())
    return found


def _files() -> Sequence[Path]:
    return sorted(path for path in MIGRATIONS.glob("*.sql") if not path.stem.endswith(".rollback"))
