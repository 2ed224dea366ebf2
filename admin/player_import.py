"""`python -m admin player import`: takes players from an export or from another system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import click

from admin import arguments
from admin.erase_list import read_list
from admin.opening import erase_list_key, load_catalogue_that_runs, noted, open_database, read, stop
from admin.terminal import count_text, say, say_error
from shared.domain.erasure import key_hash, player_hash
from shared.domain.operator_acts import Acting, ActKind, OperatorAct
from shared.domain.player_lines import LineReader, LineRefused
from shared.operations.operators.import_players import PlayerImport, PlayersMixed, batches
from shared.postgres.operators import player_import
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
@click.option(
    "--erased",
    "list_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="List of erased players, as `player erase --list` keeps it: none of them is imported. Needs ERASE_LIST_KEY.",
)
@arguments.reason
@arguments.operator
@arguments.dry_run
def import_(file: TextIO, name: str, list_file: Path | None, reason: str, operator: str, *, dry_run: bool) -> int:
    """Import players as `player export` writes them, or from another system. Nothing is granted.

    The lines of a player follow each other. Tallies are added to those that are there; other rows that are there stay.
    """
    acting = Acting(system_clock(), operator, reason)
    with open_database("player") as database:
        catalogue = load_catalogue_that_runs(database)
        tables = read(database, player_import.tables_of_players)
        brought = read(database, lambda connection: player_import.erased(connection, name))
        is_erased = _erased_since(brought, list_file)
        importing = PlayerImport(database, catalogue, tables, name, dry=dry_run, is_erased=is_erased)
        reader = LineReader(tables, catalogue, operator)

        def work() -> None:
            try:
                for batch in batches(reader.rows(file)):
                    importing.store(batch)
            except LineRefused as refused:
                stop(str(refused), "players before it are imported; repeat the import when it is right")
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


def _erased_since(brought: Sequence[tuple[str, str]], list_file: Path | None) -> Callable[[str], bool]:
    """Return what tells who was erased: after this import brought the player, or as listed. May end the command."""
    if not brought and list_file is None:
        return lambda _: False
    key = erase_list_key()
    if {of_key for _, of_key in brought} - {key_hash(key)}:
        stop(
            "ERASE_LIST_KEY is not the key under which players of this import were erased",
            "leave the erased players out of the file, and import it under another name",
        )
    listed = frozenset[str]() if list_file is None else read_list(list_file, key).keys()
    hashes = listed | {player for player, _ in brought}
    return lambda user_id: player_hash(user_id, key) in hashes
