"""`python -m admin stats …`: shows what players have reached, and how challenges do."""

from __future__ import annotations

import argparse
import sys
import time

from admin import statistics_tables
from admin.opening import load_catalogue, open_database
from shared.domain.instant import day_of
from shared.operations.goals.known_player import check_known_player
from shared.operations.statistics.player_statistics import read_player_statistics
from shared.postgres.statistics import adjustments, challenge_reports
from shared.runtime.clock import system_clock

DEADLINE_S = 30.0
ADJUSTMENTS_SHOWN = 20


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `stats` and its commands."""
    family = families.add_parser(
        "stats", help="show statistics", description="Shows what players have reached, and how challenges do."
    )
    commands = family.add_subparsers(title="commands", metavar="COMMAND", required=True)

    showing = commands.add_parser("show", help="show a player's statistics, and points that operators gave or took")
    showing.add_argument("player", metavar="PLAYER", help="the player's id")
    showing.set_defaults(run=_show)

    reporting = commands.add_parser("report", help="show how challenges did when they were last counted")
    reporting.set_defaults(run=_report)


def _show(arguments: argparse.Namespace) -> int:
    catalogue = load_catalogue()
    deadline = time.monotonic() + DEADLINE_S
    with open_database("stats") as database:
        check_known_player(database, arguments.player, deadline)
        found = read_player_statistics(database, catalogue, arguments.player, day_of(system_clock()), deadline)
        adjusted = database.autocommit(
            lambda connection: adjustments.newest(connection, arguments.player, ADJUSTMENTS_SHOWN), deadline
        )
    statistics_tables.show_player(found, adjusted)
    return 0


def _report(_: argparse.Namespace) -> int:
    with open_database("stats") as database:
        found = database.autocommit(
            lambda connection: challenge_reports.read(connection, None), time.monotonic() + DEADLINE_S
        )
    if not found:
        print("challenges were not counted yet: the challenge service does that once a minute", file=sys.stderr)
        return 1
    statistics_tables.show_report(found)
    return 0
