"""`python -m admin audit`: lists the changes that operators made."""

from __future__ import annotations

import json

import click

from admin.arguments import count_option, identifier, instant
from admin.opening import open_database, read
from admin.terminal import say, say_error, show, time_text, who_text
from shared.domain.instant import Instant
from shared.postgres.operators import operator_audit
from shared.postgres.operators.operator_audit import NotedAct

LISTED_MAX = 1_000
LISTED_DETAILS_CHARACTERS = 80
"""Characters of the details in a list; `--json` prints all of them."""


@click.command()
@click.option("--player", type=identifier(), help="Only changes that concern this player.")
@click.option("--since", type=instant, metavar="INSTANT", help="Only changes from this date or time on.")
@click.option("--kind", type=identifier(), help="Only changes of this kind, such as `rewards` or `rewards refund`.")
@click.option("--before", type=click.IntRange(1), metavar="ID", help="Only changes before this one: the next page.")
@count_option("--limit", 1, LISTED_MAX, 50, "At most N changes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, with all details.")
def audit(
    player: str | None, since: Instant | None, kind: str | None, before: int | None, limit: int, *, as_json: bool
) -> None:
    """List the changes that operators made, the newest first."""
    with open_database("audit") as database:
        found = read(database, lambda connection: operator_audit.read(connection, player, since, kind, before, limit))
    if as_json:
        for each in found:
            say(json.dumps({**each._asdict(), "time": time_text(each.time)}, sort_keys=True))
    else:
        show(("id", "time", "who", "what", "", "player", "reason", "details"), map(_row, found))
    if len(found) == limit:
        say_error(f"there may be more: --before {found[-1].audit_id}")


def _row(act: NotedAct) -> tuple[object, ...]:
    phase = act.phase.lower() if act.begun_id is None else f"{act.phase.lower()} {act.begun_id}"
    details = json.dumps(act.details, ensure_ascii=False) if act.details else ""
    who = who_text(act.operator or "", act.database_role)
    return act.audit_id, time_text(act.time), who, act.kind, phase, act.user_id, act.reason, _short(details)


def _short(text: str) -> str:
    return text if len(text) <= LISTED_DETAILS_CHARACTERS else text[:LISTED_DETAILS_CHARACTERS] + "…"
