"""What a demo comes to: goals, rewards with their grants, calls with their times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import median
from typing import Any

from challenge.v1 import statistics_service_pb2 as statistics_rpc
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from demo.client import Reply
from demo.performance import Performance
from demo.picture import Picture
from demo.words import duration_words, reward_words


def summary(performance: Performance, replies: Sequence[Reply[Any]]) -> Group:
    """The last thing that a demo prints."""
    picture, statistics = performance.picture, performance.statistics
    told = Text(
        f"\n{len(picture.done)} of {len(picture.goals)} goals completed, {len(performance.claims)} rewards claimed, "
        f"{len(replies)} calls made; every answer was as expected.",
        "bold green",
    )
    tables = [_rewards(performance), *([_statistics(picture, statistics)] if statistics else []), _calls(replies)]
    return Group(told, *(part for table in tables for part in ("", table)))


def _rewards(performance: Performance) -> Table:
    table = _table("Goal", "Reward")
    table.add_column("Grant", no_wrap=True)
    for goal_id, claim in performance.claims.items():
        table.add_row(performance.picture.goals[goal_id].name, reward_words(claim.reward), claim.grant_id)
    return table


def _statistics(picture: Picture, stats: statistics_rpc.PlayerStats) -> Table:
    """What the service says that the player has reached, by challenge."""
    names = {challenge.challenge_id: challenge.name for challenge in picture.listed.challenges}
    table = _table("Challenge")
    for heading in ("Completed", "Claimed", "Points"):
        table.add_column(heading, justify="right", no_wrap=True)
    for challenge in stats.challenges:
        table.add_row(names.get(challenge.challenge_id, challenge.challenge_id), *_numbers(challenge.achievement))
    table.add_row("All", *_numbers(stats.total), style="bold")
    return table


def _numbers(achievement: statistics_rpc.Achievement) -> list[str]:
    return [f"{number:,}" for number in (achievement.completed, achievement.claimed, achievement.points)]


def _calls(replies: Iterable[Reply[Any]]) -> Table:
    table = _table("Call")
    for heading in ("Times", "Median", "Slowest"):
        table.add_column(heading, justify="right", no_wrap=True)
    for method, calls in groupby(sorted(replies, key=_method), _method):
        seconds = [reply.seconds for reply in calls]
        table.add_row(method, str(len(seconds)), duration_words(median(seconds)), duration_words(max(seconds)))
    return table


def _method(reply: Reply[Any]) -> str:
    return reply.method


def _table(*headings: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, border_style="bright_black")
    for heading in headings:
        table.add_column(heading)
    return table
