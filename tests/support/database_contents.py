"""The complete contents of a database, for tests that a call changes nothing."""

from __future__ import annotations

import psycopg
from psycopg import sql

Contents = dict[str, list[tuple[str, ...]]]
"""Rows by table, each with its writing transaction and position, so that a rewritten row differs too."""


_MIGRATED = frozenset({"event_ledger", "database_identity", "draw_secret", "time_zone_data"})
"""Tables whose row was written when the database was migrated."""


def contents(database_url: str) -> Contents:
    """Return the rows of all tables; rows of a partitioned table are listed under their partition."""
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
    """Return the number of rows by table, without empty tables and those that a migration filled."""
    return {table: len(rows) for table, rows in contents.items() if rows and table not in _MIGRATED}
