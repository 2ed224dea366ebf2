"""Commands that name what they act on. No parameter can stand for a name, so psycopg quotes it; nowhere else is SQL put
together.
"""

from __future__ import annotations

from psycopg.sql import SQL, Identifier

from shared.postgres.connection import Connection

_REBUILD = SQL("REINDEX INDEX CONCURRENTLY {}")
_DROP = SQL("DROP INDEX CONCURRENTLY {}")
_VACUUM = SQL("VACUUM (ANALYZE) {}")
_ANALYZE = SQL("ANALYZE {}")


def rebuild_index(connection: Connection, name: str) -> None:
    """Build an index anew, beside those who write."""
    connection.execute(_REBUILD.format(Identifier(name)))


def drop_index(connection: Connection, name: str) -> None:
    """Drop an index, beside those who write."""
    connection.execute(_DROP.format(Identifier(name)))


def vacuum(connection: Connection, table: str) -> None:
    """Give dead rows' room back to the table, and make the planner's statistics anew."""
    connection.execute(_VACUUM.format(Identifier(table)))


def analyze(connection: Connection, table: str) -> None:
    """Make the planner's statistics anew."""
    connection.execute(_ANALYZE.format(Identifier(table)))
