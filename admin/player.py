"""`python -m admin player …`: everything about one player."""

from __future__ import annotations

import click

from admin.replay import replay


@click.group()
def player() -> None:
    """Look after single players."""


player.add_command(replay)
