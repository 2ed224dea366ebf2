"""`python -m admin migrate`: brings the database's schema up to date, or back."""

from __future__ import annotations

import argparse

from admin.numbers import whole_number
from admin.opening import setting
from shared.postgres.schema import migrate, roll_back

BACK_MAX = 1_000


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("migrate", help="apply the migrations that the database at DATABASE_URL lacks")
    parser.add_argument(
        "--back",
        type=whole_number(1, BACK_MAX),
        metavar="N",
        help="undo the newest N migrations instead; their tables are dropped with all that they hold",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    url = setting("DATABASE_URL")
    if arguments.back is not None:
        names, done = roll_back(url, arguments.back), "undone"
    else:
        names, done = migrate(url), "applied"
    for name in names:
        print(f"{done}: {name}")
    if not names:
        print("nothing to do")
    return 0
