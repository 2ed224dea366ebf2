"""The operators' command: `python -m admin COMMAND …`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from admin import (
    audit,
    boards,
    catalogue,
    distribute,
    goal,
    identity,
    keys,
    migrate,
    optimize,
    player,
    points,
    pools,
    recalculate,
    report,
    rewards,
    statistics,
    verify,
)
from admin.terminal import say_error, write_any_text
from shared.runtime.version import VERSION

SCRIPT = "challenge-admin"
"""Name of the installed script (`pyproject.toml`)."""


@click.group(epilog="Exit status: 0 done, 1 failed, 2 wrong usage.")
@click.version_option(VERSION, message="%(version)s")
def cli() -> None:
    """Manage a running challenge backend and its configuration."""


for command in (
    audit.audit,
    boards.boards,
    catalogue.catalogue,
    distribute.distribute,
    goal.goal,
    identity.identity,
    keys.keys,
    migrate.migrate,
    migrate.roles,
    optimize.optimize,
    player.player,
    points.points,
    pools.pools,
    recalculate.recalculate,
    report.report,
    rewards.rewards,
    statistics.stats,
    verify.verify,
):
    cli.add_command(command)


def _decoded(argument: str) -> str:
    """Return an argument as UTF-8, which ids are written in. In an ASCII locale Python decodes no other characters."""
    try:
        return os.fsencode(argument).decode("utf-8")
    except UnicodeError:
        return argument


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. Wrong usage raises `SystemExit` with status 2."""
    name = SCRIPT if Path(sys.argv[0]).stem == SCRIPT else "python -m admin"
    write_any_text()
    try:
        status = cli.main(
            list(map(_decoded, sys.argv[1:] if argv is None else argv)), prog_name=name, standalone_mode=False
        )
    except click.ClickException as problem:
        # The message may quote an argument.
        message = io.StringIO()
        problem.show(message)
        say_error(*message.getvalue().rstrip("\n").split("\n"))
        raise SystemExit(problem.exit_code) from None
    except click.Abort:
        raise SystemExit(1) from None
    return status or 0


if __name__ == "__main__":
    sys.exit(main())
