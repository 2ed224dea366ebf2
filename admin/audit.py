"""`python -m admin audit`: replays what the ledger kept of a player."""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from admin.numbers import whole_number
from admin.opening import open_database
from shared.domain.instant import HOUR
from shared.operations.events.audit import PlayerAudit, StatAudit, audit_player
from shared.runtime.clock import system_clock

DEADLINE_S = 30.0
HORIZON_H_MAX = 720


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "audit",
        help="replay a player's kept events and compare them with the tallies",
        description="Replays the events that the ledger kept (EVENT_KEEP_CONTENT) and compares them with the tallies.",
        epilog="Exit status: 0 nothing is missing from the tallies, 1 something is, or the database is away.",
    )
    parser.add_argument("player", metavar="PLAYER", help="the player's id")
    parser.add_argument(
        "--horizon-h",
        type=whole_number(1, HORIZON_H_MAX),
        default=72,
        metavar="H",
        help="the ledger's horizon (EVENT_HORIZON_H)",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    with open_database("audit") as database:
        audit = audit_player(
            database, arguments.player, arguments.horizon_h * HOUR, system_clock(), time.monotonic() + DEADLINE_S
        )
    _show(audit)
    return 1 if any(stat.lost for stat in audit.stats) else 0


def _show(audit: PlayerAudit) -> None:
    table = Table("source", "stat", "events", "sum", "highest", "finding", title="kept / stored")
    for stat in audit.stats:
        pairs = zip(stat.replayed[:3], stat.stored[:3], strict=True)
        total, events, highest = (f"{replayed} / {stored}" for replayed, stored in pairs)
        table.add_row(stat.stat.source, stat.stat.code, events, total, highest, _finding(stat))
    console = Console()
    console.print(table)
    console.print(
        f"{audit.kept} events replayed, {audit.without_content} seen without content, {audit.stored} in the tallies"
    )


def _finding(stat: StatAudit) -> str:
    if stat.lost:
        return "[red]the tally lacks events[/red]"
    return "exact" if stat.exact else "more in the tally than was kept"
