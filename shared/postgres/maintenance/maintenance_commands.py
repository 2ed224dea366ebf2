"""Maintenance commands on named indexes and tables.

A name cannot be a parameter, so psycopg quotes it. No other module composes SQL.
"""

from __future__ import annotations

from psycopg.sql import SQL, Identifier

from shared.postgres.connection import Connection

_REBUILD = SQL("REINDEX INDEX CONCURRENTLY {}")
_DROP = SQL("DROP INDEX CONCURRENTLY {}")
_VACUUM = SQL("VACUUM (ANALYZE) {}")
_ANALYZE = SQL("ANALYZE {}")


def rebuild_index(connection: Connection, name: str) -> None:
    """Rebuild an index without blocking writers."""
    connection.execute(_REBUILD.format(Identifier(name)))


def drop_index(connection: Connection, name: str) -> None:
    """Drop an index without blocking writers."""
    connection.execute(_DROP.format(Identifier(name)))


def vacuum(connection: Connection, table: str) -> None:
    """Reclaim the space of dead rows, and update the planner's statistics."""
    connection.execute(_VACUUM.format(Identifier(table)))


def analyze(connection: Connection, table: str) -> None:
    """Update the planner's statistics."""
    connection.execute(_ANALYZE.format(Identifier(table)))
