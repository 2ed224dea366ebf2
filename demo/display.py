"""The demo on the screen: a line for each step, and below the lines all goals, which move on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Any, Self

from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import ListChallengesResponse
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from demo.client import Refusal, Reply
from demo.player import Player, reward_words, rewards_of

BAR_CELLS = 16
STYLES = {
    "inactive": "bright_black",
    "not started": "default",
    "in progress": "cyan",
    "locked": "yellow",
    "completed": "bold bright_green",
    "claimed": "green",
}


class Display:
    """Writes each step as a line of text; a terminal has all goals below them, redrawn after each step."""

    def __init__(self, console: Console, listed: ListChallengesResponse) -> None:
        self._console = console
        self._title = ""
        self._live = Live(_goals(listed), console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, title: str, caption: str, reply: Reply[Any], words: str) -> None:
        """Show a step, under the title of its chapter."""
        if title != self._title:
            self._title = title
            self._console.print(Text(f"\n{title}", "bold cyan"))
        line = Text.assemble(
            f"{caption}  ",
            (f"{reply.method}: ", "bright_black"),
            (words, "red" if isinstance(reply.outcome, Refusal) else "default"),
            (f" ({_milliseconds(reply.seconds)})", "bright_black"),
        )
        # A terminal cuts lines at its width, so that one step stays one line; a file has them whole.
        if self._console.is_terminal:
            self._console.print(line, no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(line, soft_wrap=True)

    def show_goals(self, before: Mapping[str, challenge_pb2.Goal], listed: ListChallengesResponse) -> None:
        """Show the goals, and a line for each that has changed."""
        for challenge in listed.challenges:
            for goal in challenge.goals:
                if goal != before[goal.goal_id]:
                    status = _status(goal)
                    text = f"     {goal.name}: {goal.progress:,} of {goal.target:,}, {status}"
                    self._console.print(Text(text, STYLES[status]))
        self._live.update(_goals(listed), refresh=True)


def summary(player: Player, replies: Sequence[Reply[Any]]) -> Group:
    """Return the end of the demo: the rewards with their grants, and the calls with their times."""
    rewards = _table("Goal", "Reward", "Grant")
    for claim in player.claims:
        rewards.add_row(player.goals[claim.goal_id].name, reward_words(claim.reward), claim.grant_id)
    calls = _table("Call", "Times", "Median", "Slowest")
    for method, group in groupby(sorted(replies, key=lambda reply: reply.method), lambda reply: reply.method):
        seconds = [reply.seconds for reply in group]
        calls.add_row(method, str(len(seconds)), _milliseconds(median(seconds)), _milliseconds(max(seconds)))
    result = (
        f"\n\n{len(player.completed)} of {len(player.goals)} goals completed, {len(player.claims)} rewards claimed, "
        f"{len(replies)} calls made; every response was as expected.\n"
    )
    return Group(Text(result, "bold green"), rewards, "", calls)


def _goals(listed: ListChallengesResponse) -> Table:
    """Return all goals with their progress, by challenge."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for challenge in listed.challenges:
        table.add_row(Text(challenge.name, "bold"))
        for goal in challenge.goals:
            status = _status(goal)
            style = STYLES[status]
            table.add_row(
                Text(f" {goal.name}", style),
                ProgressBar(goal.target, goal.progress, BAR_CELLS, complete_style=style, finished_style=style),
                Text(f"{goal.progress:,}/{goal.target:,}", style, justify="right"),
                Text(status, style),
                Text(", ".join(map(reward_words, rewards_of(goal, goal.occurrence))), style),
            )
    return table


def _status(goal: challenge_pb2.Goal) -> str:
    """Return the one word that says most about a goal: claimed, inactive, locked, or its state."""
    if goal.state == challenge_pb2.GOAL_STATE_CLAIMED:
        return "claimed"
    if not goal.active:
        return "inactive"
    if goal.locked:
        return "locked"
    return challenge_pb2.GoalState.Name(goal.state).removeprefix("GOAL_STATE_").replace("_", " ").lower()


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1_000:,.1f} ms"


def _table(*headings: str) -> Table:
    return Table(*headings, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, border_style="bright_black")
