"""How the database is doing, as it counts itself. Everything is read only."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.instant import Instant
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_HAS_STATEMENTS = statement("has_statement_statistics")
_STATEMENTS = statement("slow_statements")
_TABLES = statement("table_health")
_INDEXES = statement("index_use")
_DATABASE = statement("database_activity")


class SlowStatement(NamedTuple):
    """One statement, with what it took in all since the extension's statistics were reset."""

    total_ms: int
    calls: int
    mean_us: int
    rows: int
    hits: int
    reads: int
    text: str
    """Its first part, with placeholders for values."""


class TableHealth(NamedTuple):
    """One table; the ledger with all its partitions."""

    name: str
    table_bytes: int
    index_bytes: int
    live_rows: int
    dead_rows: int
    bloat_bytes: int | None
    """An estimate; None before the table was analyzed."""
    updates: int
    hot_updates: int
    """Those that touched no index."""
    hits: int
    """Pages that were found in the buffers, of the table and its indexes."""
    reads: int


class IndexUse(NamedTuple):
    """One index."""

    name: str
    table: str
    scans: int
    bytes: int
    keeps_unique: bool
    valid: bool
    """If not, its building has failed or goes on, and no statement uses it."""


class DatabaseActivity(NamedTuple):
    """The database as a whole."""

    hits: int
    reads: int
    commits: int
    rollbacks: int
    deadlocks: int
    temporary_bytes: int
    bytes: int
    since: Instant | None
    """When counting began; None: with the database."""
    buffer_bytes: int


def slow_statements(connection: Connection, limit: int) -> list[SlowStatement] | None:
    """The most expensive statements; None where the extension pg_stat_statements is missing."""
    row = _HAS_STATEMENTS.row(connection)
    if row is None or not row[0]:
        return None
    return list(map(SlowStatement._make, _STATEMENTS.rows(connection, limit)))


def table_health(connection: Connection) -> list[TableHealth]:
    """All tables, the greatest first."""
    return list(map(TableHealth._make, _TABLES.rows(connection)))


def index_use(connection: Connection) -> list[IndexUse]:
    """All indexes, those that were used the least first."""
    return list(map(IndexUse._make, _INDEXES.rows(connection)))


def database_activity(connection: Connection) -> DatabaseActivity:
    """The database as a whole."""
    row = _DATABASE.row(connection)
    if row is None:
        raise LookupError("database_activity answers one row")
    return DatabaseActivity(*row)
