"""`python -m admin recalculate`: rebuilds standings from completions, claims and adjustments."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from admin.opening import load_catalogue_that_runs, open_database
from admin.statistics_tables import show_drifts
from shared.domain.catalogue import Catalogue
from shared.domain.recalculation import Drift
from shared.operations.goals.known_player import check_known_player
from shared.operations.statistics.recalculate import Page, recalculate, recalculate_all
from shared.postgres.database import Database
from shared.postgres.statistics import histories

DEADLINE_S = 30.0
SHOWN_MAX = 50


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = families.add_parser(
        "recalculate",
        help="rebuild players' goals and points from completions, claims and adjustments",
        description="Adds up what players have completed and claimed and what operators gave or took, compares it with "
        "the standings that are kept, and rebuilds those that have drifted. Services may run meanwhile.",
        epilog="Exit status: 0 nothing has drifted, or all of it is rebuilt; 1 something has, in a dry run, or the "
        "database is away.",
    )
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("player", nargs="?", metavar="PLAYER", help="the player's id")
    whom.add_argument("--all", action="store_true", help="every player, page by page")
    parser.add_argument("--dry-run", action="store_true", help="say what has drifted, and store nothing")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    players = numbers = 0
    shown: list[Drift] = []
    with open_database("recalculate") as database:
        catalogue = load_catalogue_that_runs(database)
        for page in _pages(arguments, database, catalogue):
            players += page.players
            numbers += len(page.drifts)
            shown += page.drifts[: SHOWN_MAX - len(shown)]
    if shown:
        show_drifts(shown)
    if numbers > len(shown):
        print(f"and {numbers - len(shown):,} more")
    done = "" if not numbers else ", not rebuilt" if arguments.dry_run else ", rebuilt"
    print(f"{players:,} {'player' if players == 1 else 'players'} looked at, {numbers:,} standings had drifted{done}")
    return 1 if numbers and arguments.dry_run else 0


def _pages(arguments: argparse.Namespace, database: Database, catalogue: Catalogue) -> Iterator[Page]:
    if not arguments.all:
        deadline = time.monotonic() + DEADLINE_S
        check_known_player(database, arguments.player, deadline)
        drifts = recalculate(database, catalogue, [arguments.player], deadline, dry=arguments.dry_run)
        yield Page(1, drifts)
        return
    expected = database.autocommit(histories.count_players, time.monotonic() + DEADLINE_S)
    # On standard error, and only in a terminal: what is printed stays as it is.
    console = Console(stderr=True)
    columns = (TextColumn("players"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("players", total=expected)
        for page in recalculate_all(database, catalogue, dry=arguments.dry_run):
            progress.advance(task, page.players)
            yield page
