"""`python -m admin report`: shows the state of the database and of Redis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from admin.arguments import count_option
from admin.opening import database_address, open_cache_if_set, stop
from admin.terminal import bytes_text, say, say_error, share_text, show, time_text
from shared.cache.cache_telemetry import report as report_of
from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.redis import Cache
from shared.postgres.maintenance import database_report
from shared.postgres.maintenance.database_report import DatabaseActivity, IndexUse, SlowStatement, TableHealth
from shared.postgres.maintenance.maintenance import MaintenanceRefused, MaintenanceSession, maintenance

STATEMENTS_DEFAULT, STATEMENTS_MAX = 10, 1_000
TEXT_WIDTH = 120


@click.command(epilog="Exit status: 0, or 1 if a part could not be read.")
@count_option("--statements", 1, STATEMENTS_MAX, STATEMENTS_DEFAULT, "Show the N most expensive statements.")
def report(statements: int) -> int:
    """Show slow statements, use of indexes, bloat and cache hits.

    Postgres and Redis count these themselves since their statistics were reset. Nothing is changed.
    """
    complete = True
    try:
        with maintenance(database_address()) as session:
            _section("database", _DATABASE, [_database_row(session.do(database_report.database_activity))])
            _section("tables", _TABLES, map(_table_row, session.do(database_report.table_health)))
            indexes = map(_index_row, session.do(database_report.index_use))
            _section("indexes, those that are used the least first", _INDEXES, indexes)
            try:
                _show_statements(session, statements)
            except MaintenanceRefused as refusal:
                say_error(f"statements: {refusal}")
                complete = False
    except MaintenanceRefused as refusal:
        stop(str(refusal))
    with open_cache_if_set() as cache:
        return 0 if _show_redis(cache) and complete else 1


_DATABASE = ("size", "buffers", "buffer hits", "commits", "rolled back", "deadlocks", "temporary files", "since")
_TABLES = ("table", "size", "indexes", "rows", "dead", "bloat (estimate)", "updates", "HOT", "buffer hits")
_INDEXES = ("index", "table", "scans", "size", "")
_STATEMENTS = ("total s", "calls", "mean ms", "rows a call", "buffer hits", "statement")
_REDIS = ("memory", "limit", "when full", "key hits", "evicted keys", "uptime")


def _section(heading: str, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    say("", heading)
    show(names, rows)


def _database_row(activity: DatabaseActivity) -> tuple[object, ...]:
    return (
        bytes_text(activity.bytes),
        bytes_text(activity.buffer_bytes),
        share_text(activity.hits, activity.hits + activity.reads),
        f"{activity.commits:,}",
        f"{activity.rollbacks:,}",
        f"{activity.deadlocks:,}",
        bytes_text(activity.temporary_bytes),
        "creation" if activity.since is None else time_text(activity.since),
    )


def _table_row(table: TableHealth) -> tuple[object, ...]:
    return (
        table.name,
        bytes_text(table.table_bytes),
        bytes_text(table.index_bytes),
        f"{table.live_rows:,}",
        f"{table.dead_rows:,}",
        "not analyzed" if table.bloat_bytes is None else bytes_text(table.bloat_bytes),
        f"{table.updates:,}",
        share_text(table.hot_updates, table.updates),
        share_text(table.hits, table.hits + table.reads),
    )


def _index_row(index: IndexUse) -> tuple[object, ...]:
    note = "" if index.scans else "keeps rows unique" if index.keeps_unique else "unused"
    return index.name, index.table, f"{index.scans:,}", bytes_text(index.bytes), note if index.valid else "invalid"


def _statement_row(statement: SlowStatement) -> tuple[object, ...]:
    return (
        f"{statement.total_ms / 1_000:,.2f}",
        f"{statement.calls:,}",
        f"{statement.mean_us / 1_000:,.2f}",
        f"{statement.rows / max(1, statement.calls):,.1f}",
        share_text(statement.hits, statement.hits + statement.reads),
        statement.text[:TEXT_WIDTH],
    )


def _show_statements(session: MaintenanceSession, limit: int) -> None:
    heading = "statements that take the most time"
    found = session.do(lambda connection: database_report.slow_statements(connection, limit))
    if found is None:
        say("", heading, "not known: the extension pg_stat_statements is not installed")
    else:
        _section(heading, _STATEMENTS, map(_statement_row, found))


def _show_redis(cache: Cache | None) -> bool:
    """Print the state of Redis, and return whether it could be read. Without a Redis there is nothing to read."""
    if cache is None:
        say("", "Redis", "REDIS_URL is not set")
        return True
    try:
        known = report_of(cache)
    except (CacheUnavailable, CacheRefused) as failure:
        say("", "Redis")
        say_error(f"Redis cannot be queried: {failure.__cause__ or failure}")
        return False
    row = (
        bytes_text(known.used_bytes),
        bytes_text(known.limit_bytes) if known.limit_bytes else "none",
        known.policy,
        share_text(known.hits, known.hits + known.misses),
        f"{known.evicted:,}",
        f"{known.up_s / 3_600:,.1f} h",
    )
    _section("Redis", _REDIS, [row])
    return True
