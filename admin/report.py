"""`python -m admin report`: how the database and Redis are doing."""

from __future__ import annotations

import argparse
import sys

from admin.numbers import whole_number
from admin.opening import open_cache_if_set, setting, stop
from admin.terminal import add, bytes_text, lines_of, share_text, show, time_text
from shared.cache.redis import Cache, CacheRefused, CacheUnavailable
from shared.cache.server_report import report as report_of
from shared.postgres.maintenance import database_report
from shared.postgres.maintenance.database_report import IndexUse
from shared.postgres.maintenance.maintenance import MaintenanceRefused, MaintenanceSession, maintenance

STATEMENTS_DEFAULT, STATEMENTS_MAX = 10, 1_000
TEXT_WIDTH = 120


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "report",
        help="slow statements, use of indexes, bloat, and hit rates of caches",
        description="Shows how the database and Redis are doing, as they count themselves since their statistics were "
        "reset. Changes nothing.",
        epilog="Exit status: 0, or 1 if a part could not be read.",
    )
    parser.add_argument(
        "--statements",
        type=whole_number(1, STATEMENTS_MAX),
        default=STATEMENTS_DEFAULT,
        metavar="N",
        help="so many of the most expensive statements (default: %(default)s)",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    complete = True
    try:
        with maintenance(setting("DATABASE_URL")) as session:
            _database(session)
            _tables(session)
            _indexes(session)
            try:
                _statements(session, arguments.statements)
            except MaintenanceRefused as refusal:
                print(f"statements: {refusal}", file=sys.stderr)
                complete = False
    except MaintenanceRefused as refusal:
        stop(str(refusal))
    with open_cache_if_set() as cache:
        return 0 if _redis(cache) and complete else 1


def _database(session: MaintenanceSession) -> None:
    activity = session.do(database_report.database_activity)
    _heading("database")
    table = lines_of(
        "size", "buffers", "buffer hits", "commits", "rolled back", "deadlocks", "temporary files", "since"
    )
    add(
        table,
        bytes_text(activity.bytes),
        bytes_text(activity.buffer_bytes),
        share_text(activity.hits, activity.hits + activity.reads),
        f"{activity.commits:,}",
        f"{activity.rollbacks:,}",
        f"{activity.deadlocks:,}",
        bytes_text(activity.temporary_bytes),
        "ever" if activity.since is None else time_text(activity.since),
    )
    show(table)


def _tables(session: MaintenanceSession) -> None:
    _heading("tables")
    names = ("table", "size", "indexes", "rows", "dead", "bloat (estimate)", "updates", "HOT", "buffer hits")
    table = lines_of(*names)
    for health in session.do(database_report.table_health):
        add(
            table,
            health.name,
            bytes_text(health.table_bytes),
            bytes_text(health.index_bytes),
            f"{health.live_rows:,}",
            f"{health.dead_rows:,}",
            "not analyzed" if health.bloat_bytes is None else bytes_text(health.bloat_bytes),
            f"{health.updates:,}",
            share_text(health.hot_updates, health.updates),
            share_text(health.hits, health.hits + health.reads),
        )
    show(table)


def _indexes(session: MaintenanceSession) -> None:
    _heading("indexes, those that are used the least first")
    table = lines_of("index", "table", "scans", "size", "")
    for index in session.do(database_report.index_use):
        add(table, index.name, index.table, f"{index.scans:,}", bytes_text(index.bytes), _note(index))
    show(table)


def _note(index: IndexUse) -> str:
    if not index.valid:
        return "invalid"
    idle = "keeps rows unique" if index.keeps_unique else "unused"
    return "" if index.scans else idle


def _statements(session: MaintenanceSession, limit: int) -> None:
    _heading("statements that take the most time")
    statements = session.do(lambda connection: database_report.slow_statements(connection, limit))
    if statements is None:
        print("not known: the extension pg_stat_statements is not there")
        return
    table = lines_of("total s", "calls", "mean ms", "rows a call", "buffer hits", "statement")
    for each in statements:
        add(
            table,
            f"{each.total_ms / 1_000:,.2f}",
            f"{each.calls:,}",
            f"{each.mean_us / 1_000:,.2f}",
            f"{each.rows / max(1, each.calls):,.1f}",
            share_text(each.hits, each.hits + each.reads),
            each.text[:TEXT_WIDTH],
        )
    show(table)


def _redis(cache: Cache | None) -> bool:
    _heading("Redis")
    if cache is None:
        print("REDIS_URL is not set")
        return True
    try:
        known = report_of(cache)
    except (CacheUnavailable, CacheRefused) as failure:
        print(f"Redis cannot be asked: {failure.__cause__ or failure}", file=sys.stderr)
        return False
    table = lines_of("memory", "limit", "when full", "key hits", "evicted keys", "up for")
    add(
        table,
        bytes_text(known.used_bytes),
        bytes_text(known.limit_bytes) if known.limit_bytes else "none",
        known.policy,
        share_text(known.hits, known.hits + known.misses),
        f"{known.evicted:,}",
        f"{known.up_s / 3_600:,.1f} h",
    )
    show(table)
    return True


def _heading(text: str) -> None:
    print(f"\n{text}")
