"""`python -m admin stats …`: shows statistics of players and challenges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import click

from admin import arguments
from admin.opening import deadline, load_catalogue, open_database, read, stop
from admin.terminal import say, time_text, who_text
from admin.terminal import show as show_table
from shared.domain.recalculation import Drift
from shared.domain.standings import ScopeKind
from shared.domain.statistics import PlayerStatistics
from shared.operations.goals.known_player import check_known_player
from shared.operations.statistics.player_statistics import read_player_statistics
from shared.postgres.statistics import adjustments, challenge_reports
from shared.postgres.statistics.adjustments import NotedAdjustment
from shared.postgres.statistics.challenge_reports import ChallengeReport
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
    show_player(found, adjusted)


@stats.command()
def report() -> None:
    """Show the statistics of all challenges, as last counted."""
    with open_database("stats") as database:
        found = read(database, lambda connection: challenge_reports.read(connection, None))
    if not found:
        stop("challenges were not counted yet: the challenge service does that once a minute")
    show_challenges(found)


_MEASURES = ("completed", "claimed", "points", "points_time", "fastest")


def show_player(statistics: PlayerStatistics, adjustments: Iterable[NotedAdjustment]) -> None:
    """Print the statistics of one player."""
    standings = (
        (
            "all" if scope.kind is ScopeKind.ALL else f"{scope.kind} {scope.id}",
            *_numbers(standing.completed, standing.claimed, standing.points),
            "" if standing.fastest is None else timedelta(microseconds=standing.fastest),
        )
        for scope, standing in sorted(statistics.standings.items(), key=lambda item: item[0])
    )
    show_table(("in", "completed", "claimed", "points", "fastest"), standings, numbers=4)
    tallies = (
        (
            stat.code or "logins",
            *_numbers(
                tally.measures.events,
                tally.measures.sum,
                tally.measures.highest,
                tally.latest,
                tally.measures.day_count,
            ),
        )
        for stat, tally in sorted(statistics.tallies.items())
    )
    show_table(("tally", "events", "sum", "highest", "latest", "days"), tallies, numbers=5)
    logins, rate = statistics.logins, statistics.completion_rate
    shown_rate = "" if rate is None else f", a completion rate of {rate:.0%}"
    say(
        f"login streak {logins.current_streak} (longest {logins.longest_streak}), "
        f"active on {logins.weekly_active_days} of 7 days, {statistics.completed_recently} completed in 30 days and "
        f"{statistics.under_way} under way{shown_rate}"
    )
    for adjustment in adjustments:
        who = who_text(adjustment.imported_by or adjustment.operator, adjustment.database_role)
        if adjustment.imported_by is not None:
            who = f"{who} imported of {adjustment.operator}"
        say(f"{time_text(adjustment.time)}  {who}: {adjustment.points:+,} ({adjustment.reason})")


def show_challenges(reports: Sequence[ChallengeReport]) -> None:
    """Print the statistics of challenges."""
    rows = ((each.challenge_id, *_numbers(each.started, each.completed, each.claimed)) for each in reports)
    show_table(("challenge", "started", "completed", "claimed"), rows, numbers=3)
    if reports[0].report_time is not None:
        say(f"counted {time_text(reports[0].report_time)}; nothing that counts has changed since, or a moment ago")


def show_drifts(drifts: Iterable[Drift]) -> None:
    """Print the numbers of standings that have drifted, one line each."""
    show_table(
        ("player", "in", "period", "number", "stored", "is"),
        (row for drift in drifts for row in _rows(drift)),
        numbers=2,
    )


def _rows(drift: Drift) -> Iterator[tuple[object, ...]]:
    key = drift.key
    period = f"{key.schedule} {time_text(key.period_start)}" if key.period_start else key.schedule
    for name in _MEASURES:
        stored, expected = getattr(drift.stored, name), getattr(drift.expected, name)
        if stored != expected:
            scope = f"{key.scope} {key.scope_id}".rstrip()
            yield key.user_id, scope, period, name, *_numbers(stored, expected)


def _numbers(*numbers: int | None) -> Iterator[str]:
    return ("" if number is None else f"{number:,}" for number in numbers)
