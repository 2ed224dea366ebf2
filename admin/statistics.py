"""`python -m admin stats …`: shows statistics of players and challenges."""

from __future__ import annotations

import click

from admin import arguments, statistics_tables
from admin.opening import deadline, load_catalogue, open_database, read, stop
from shared.operations.goals.known_player import check_known_player
from shared.operations.statistics.player_statistics import read_player_statistics
from shared.postgres.statistics import adjustments, challenge_reports
from shared.runtime.clock import system_clock

ADJUSTMENTS_SHOWN = 20


@click.group()
def stats() -> None:
    """Show statistics of players and challenges."""


@stats.command()
@arguments.player
def show(player: str) -> None:
    """Show a player's statistics, and points that operators gave or took."""
    catalogue = load_catalogue()
    with open_database("stats") as database:
        check_known_player(database, player, deadline())
        found = read_player_statistics(database, catalogue, player, system_clock(), deadline())
        adjusted = read(database, lambda connection: adjustments.newest(connection, player, ADJUSTMENTS_SHOWN))
    statistics_tables.show_player(found, adjusted)


@stats.command()
def report() -> None:
    """Show the statistics of all challenges, as last counted."""
    with open_database("stats") as database:
        found = read(database, lambda connection: challenge_reports.read(connection, None))
    if not found:
        stop("challenges were not counted yet: the challenge service does that once a minute")
    statistics_tables.show_report(found)
