"""`python -m admin points …`: gives points to players, or takes them."""

from __future__ import annotations

import argparse
import getpass
import time
from uuid import uuid4

from admin.opening import load_catalogue_that_runs, open_database
from shared.domain.acceptance import id_problem
from shared.domain.catalogue import AMOUNT_MAX
from shared.operations.statistics.adjust_points import adjust_points
from shared.postgres.statistics.adjustments import NotedAdjustment
from shared.runtime.clock import system_clock

DEADLINE_S = 30.0
REASON_LENGTH_MAX = 500


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `points` and its command."""
    family = families.add_parser("points", help="give points, or take them", description="Commands on points.")
    commands = family.add_subparsers(title="commands", metavar="COMMAND", required=True)
    adjust = commands.add_parser(
        "adjust",
        help="give a player points, or take them",
        description="Gives a player points, or takes them. It is noted who did it why, for good.",
    )
    adjust.add_argument("player", metavar="PLAYER", type=_player, help="the player's id")
    adjust.add_argument("points", metavar="±N", type=_points, help="such as +50, or -50 to take them")
    adjust.add_argument("--reason", required=True, type=_reason, help="why, for the audit")
    adjust.add_argument("--operator", default=getpass.getuser(), help="who, for the audit; you if not given")
    adjust.add_argument("--dry-run", action="store_true", help="say what would become of it, and store nothing")
    adjust.set_defaults(run=_adjust)


def _adjust(arguments: argparse.Namespace) -> int:
    adjustment = NotedAdjustment(system_clock(), arguments.points, arguments.operator, arguments.reason)
    with open_database("points") as database:
        before, after = adjust_points(
            database,
            load_catalogue_that_runs(database),
            arguments.player,
            uuid4(),
            adjustment,
            time.monotonic() + DEADLINE_S,
            dry=arguments.dry_run,
        )
    would = "would have" if arguments.dry_run else "has"
    print(f"{arguments.player} had {before:,} points, and {would} {after:,} now")
    return 0


def _player(text: str) -> str:
    return _checked(text, 128)


def _reason(text: str) -> str:
    return _checked(text, REASON_LENGTH_MAX)


def _checked(text: str, length_max: int) -> str:
    problem = id_problem(text, length_max)
    if problem is not None:
        raise argparse.ArgumentTypeError(problem)
    return text


def _points(text: str) -> int:
    try:
        points = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError("is not a whole number") from None
    if points == 0 or abs(points) > AMOUNT_MAX:
        raise argparse.ArgumentTypeError(f"is not between 1 and {AMOUNT_MAX:,}, up or down")
    return points
