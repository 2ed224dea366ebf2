"""`python -m admin player replay`: replays the events of a player that the ledger kept."""

from __future__ import annotations

import click
from rich.text import Text

from admin.arguments import count_option, player
from admin.opening import deadline, open_database
from admin.terminal import say, show
from shared.domain.instant import HOUR
from shared.operations.events.audit import StatAudit, audit_player
from shared.runtime.clock import system_clock

HORIZON_H_MAX = 720


@click.command(
    epilog="Exit status: 0 no event is missing from the tallies, 1 one is, or the database cannot be reached."
)
@player
@count_option("--horizon-h", 1, HORIZON_H_MAX, 72, "The ledger's horizon (EVENT_HORIZON_H).", metavar="H")
def replay(player: str, horizon_h: int) -> int:
    """Compare a player's tallies with the events that the ledger kept.

    The events are replayed. The ledger keeps them if EVENT_KEEP_CONTENT is set.
    """
    with open_database("player") as database:
        found = audit_player(database, player, horizon_h * HOUR, system_clock(), deadline())
    say("kept / stored")
    show(("source", "stat", "events", "sum", "highest", "finding"), map(_row, found.stats))
    say(f"{found.kept} events replayed, {found.without_content} seen without content, {found.stored} in the tallies")
    return 1 if any(stat.lost for stat in found.stats) else 0


def _row(stat: StatAudit) -> tuple[object, ...]:
    pairs = zip(stat.replayed[:3], stat.stored[:3], strict=True)
    total, events, highest = (f"{replayed} / {stored}" for replayed, stored in pairs)
    return stat.stat.source, stat.stat.code, events, total, highest, _finding(stat)


def _finding(stat: StatAudit) -> Text | str:
    if stat.lost:
        return Text("the tally lacks events", style="red")
    return "exact" if stat.exact else "the tally has more than was kept"
