"""Everything that a database holds, to see whether a call has changed any of it."""

from __future__ import annotations

import psycopg
from psycopg import sql

Contents = dict[str, list[tuple[str, ...]]]
"""By table: every row with the transaction that wrote it and its place, so that a row written anew differs too."""


def contents(database_url: str) -> Contents:
    """The rows of all tables; those of a partitioned table under the partition that holds them."""
    with psycopg.connect(database_url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND relname NOT LIKE '%yoyo%' ORDER BY relname"
        ).fetchall()
        return {name: _rows(connection, name) for (name,) in tables}


def _rows(connection: psycopg.Connection[tuple[str, ...]], table: str) -> list[tuple[str, ...]]:
    query = sql.SQL("SELECT xmin::text, ctid::text, stored::text FROM {} AS stored ORDER BY 3")
    return connection.execute(query.format(sql.Identifier(table))).fetchall()


def written(contents: Contents) -> dict[str, int]:
    """How many rows there are, by table, without the empty ones."""
    return {table: len(rows) for table, rows in contents.items() if rows}
