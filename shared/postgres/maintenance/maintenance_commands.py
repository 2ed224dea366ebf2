"""Maintenance commands on named indexes and tables.

A name cannot be a parameter, so psycopg quotes it. No other module composes SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.errors import Diagnostic
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
    with _warnings_are_errors(connection):
        connection.execute(_VACUUM.format(Identifier(table)))


def analyze(connection: Connection, table: str) -> None:
    """Update the planner's statistics."""
    with _warnings_are_errors(connection):
        connection.execute(_ANALYZE.format(Identifier(table)))


@contextmanager
def _warnings_are_errors(connection: Connection) -> Iterator[None]:
    """Raise an error where Postgres only warns: that it skips the table of another role."""
    warnings: list[str] = []

    def note(notice: Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING" and notice.message_primary:
            warnings.append(notice.message_primary)

    connection.add_notice_handler(note)
    try:
        yield
    finally:
        connection.remove_notice_handler(note)
    if warnings:
        raise psycopg.ProgrammingError(warnings[0])
