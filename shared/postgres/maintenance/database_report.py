"""Statistics of the database about itself. All statements only read."""

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
    """A statement and its totals since the extension's statistics were reset."""

    total_ms: int
    calls: int
    mean_us: int
    rows: int
    hits: int
    reads: int
    text: str
    """Beginning of the statement, with placeholders for values."""


class TableHealth(NamedTuple):
    """A table; the ledger counts as one table with all its partitions."""

    name: str
    table_bytes: int
    index_bytes: int
    live_rows: int
    dead_rows: int
    bloat_bytes: int | None
    """An estimate; None before the table was analyzed."""
    updates: int
    hot_updates: int
    """Updates that touched no index."""
    hits: int
    """Pages of the table and its indexes that were found in the buffers."""
    reads: int


class IndexUse(NamedTuple):
    """An index."""

    name: str
    table: str
    scans: int
    bytes: int
    keeps_unique: bool
    valid: bool
    """False if its creation failed or is going on; no statement uses it then."""


class DatabaseActivity(NamedTuple):
    """Totals of the database."""

    hits: int
    reads: int
    commits: int
    rollbacks: int
    deadlocks: int
    temporary_bytes: int
    bytes: int
    since: Instant | None
    """When the statistics were reset; None if never."""
    buffer_bytes: int


def slow_statements(connection: Connection, limit: int) -> list[SlowStatement] | None:
    """Return the most expensive statements; None if the extension pg_stat_statements is missing."""
    if not _HAS_STATEMENTS.value(connection):
        return None
    return list(map(SlowStatement._make, _STATEMENTS.rows(connection, limit)))


def table_health(connection: Connection) -> list[TableHealth]:
    """Return all tables, the largest first."""
    return list(map(TableHealth._make, _TABLES.rows(connection)))


def index_use(connection: Connection) -> list[IndexUse]:
    """Return all indexes, the least used first."""
    return list(map(IndexUse._make, _INDEXES.rows(connection)))


def database_activity(connection: Connection) -> DatabaseActivity:
    """Return the totals of the database."""
    return DatabaseActivity(*_DATABASE.only_row(connection))
