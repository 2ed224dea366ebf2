"""`python -m admin player …`: everything about one player."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import click

from admin import arguments
from admin.erasure import erase
from admin.opening import deadline, open_database, read, stop
from admin.player_import import import_
from admin.replay import replay
from admin.terminal import say
from admin.terminal import show as show_table
from shared.operations.operators.export_player import export_player
from shared.postgres.operators import player_data
from shared.postgres.operators.player_data import PlayerRow


@click.group()
def player() -> None:
    """Manage single players: show, export, import and erase everything that is stored of them."""


player.add_command(replay)
player.add_command(erase)
player.add_command(import_)


def _rows(user_id: str) -> list[PlayerRow]:
    with open_database("player") as database:
        found = read(database, lambda connection: player_data.read_rows(connection, user_id))
    if not found:
        _stop_unknown(user_id)
    return found


def _stop_unknown(user_id: str) -> NoReturn:
    stop(f"nothing is stored of the player {user_id}")


@player.command()
@arguments.player
def show(player: str) -> None:
    """Show everything that is stored of a player, table by table."""
    found = _rows(player)
    for table, count in Counter(row.table for row in found).items():
        say("", f"{table}: {count:,}")
        contents = [json.loads(row.content) for row in found if row.table == table]
        names = [name for name in contents[0] if name != "user_id"]
        show_table(names, ([_cell(content[name]) for name in names] for content in contents))


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


@player.command()
@arguments.player
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to a new file, which only you can read, instead of standard output.",
)
def export(player: str, output: Path | None) -> None:
    """Print everything that is stored of a player as JSON, one object a line. `player import` reads it."""
    with open_database("player") as database:
        lines = export_player(database, player, deadline())
    if not lines:
        _stop_unknown(player)
    if output is None:
        # JSON has escapes of its own for what a terminal should not see.
        say(*lines)
    else:
        _write(output, lines)


def _write(path: Path, lines: Iterable[str]) -> None:
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        stop(f"{path} cannot be written: {error.strerror}")
