"""`python -m admin player import`: takes players from an export or from another system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

import click

from admin import arguments
from admin.opening import load_catalogue_that_runs, noted, open_database, read, stop
from admin.terminal import count_text, say, say_error
from shared.domain.operator_acts import Acting, ActKind, OperatorAct
from shared.domain.player_lines import read_line
from shared.operations.operators.import_players import PlayerImport, PlayersMixed, batches
from shared.postgres.operators import player_import
from shared.postgres.operators.player_import import ImportLine
from shared.runtime.clock import system_clock

REFUSED_SHOWN = 20


@click.command("import", epilog="Exit status: 0 all players are imported, 1 not all.")
@click.argument(
    "file", type=click.File("r", encoding="utf-8", errors="surrogateescape"), help="JSON lines; - for standard input."
)
@click.option(
    "--name",
    required=True,
    type=arguments.audit_text(128),
    help="Name of the import. A player is imported once under it, however often it is repeated.",
)
@arguments.reason
@arguments.operator
@arguments.dry_run
def import_(file: TextIO, name: str, reason: str, operator: str, *, dry_run: bool) -> int:
    """Import players as `player export` writes them, or from another system. Nothing is granted.

    The lines of a player follow each other. Tallies are added to those that are there; other rows that are there stay.
    """
    acting = Acting(system_clock(), operator, reason)
    with open_database("player") as database:
        catalogue = load_catalogue_that_runs(database)
        columns = read(database, player_import.columns)
        importing = PlayerImport(database, catalogue, name, dry=dry_run)

        def lines() -> Iterator[ImportLine]:
            for number, line in enumerate(file, 1):
                if line.strip():
                    try:
                        found = read_line(line.rstrip("\n"), columns, catalogue)
                    except (ValueError, RecursionError) as problem:
                        stop(
                            f"line {number}: {problem}",
                            "players before it are imported; repeat the import when it is right",
                        )
                    yield from map(ImportLine._make, found)

        def work() -> None:
            try:
                for batch in batches(lines()):
                    importing.store(batch)
            except PlayersMixed as mixed:
                stop(f"{mixed}: sort the file by player")

        if dry_run:
            work()
        else:
            with noted(database, OperatorAct(ActKind.PLAYER_IMPORT, acting, details={"name": name})) as noted_outcome:
                work()
                found = importing.outcome
                noted_outcome.details |= {"players": found.players, "rows": found.rows, "refused": len(found.refused)}
                noted_outcome.complete = not found.refused
    outcome = importing.outcome
    for user_id, problem in outcome.refused[:REFUSED_SHOWN]:
        say_error(f"{user_id}: not imported: {problem}")
    say(
        f"{'would import' if dry_run else 'imported'} {count_text(outcome.players, 'player')} with "
        f"{count_text(outcome.rows, 'new row')}; {outcome.done_before:,} were imported before, "
        f"{len(outcome.refused):,} refused"
    )
    return 1 if outcome.refused else 0
