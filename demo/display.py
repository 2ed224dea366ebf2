"""The demo on the screen: a line for each step, and below the lines all goals, which move on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import median
from types import TracebackType
from typing import Any, Self

from challenge.v1 import challenge_pb2
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from demo.client import Reply
from demo.performance import Moment, Performance
from demo.steps import reward_words
from demo.view import View

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

    def __init__(self, console: Console, player: str, performance: Performance) -> None:
        self._console = console
        self._player = player
        self._steps = performance.steps
        self._chapter = ""
        self._live = Live(_goals(performance.view), console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._console.print(Text(f"{self._player} plays {self._steps} steps."))
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, moment: Moment) -> None:
        """Show a step and the goals after it."""
        if moment.chapter.title != self._chapter:
            self._chapter = moment.chapter.title
            self._console.print(Text(f"\n{self._chapter}", "bold cyan"))
        outcome = moment.outcome
        line = Text.assemble(
            f"{moment.number:>3}  {moment.caption:<29}  ",
            (f"{outcome.reply.method}: ", "bright_black"),
            (outcome.words, outcome.style),
            (f" ({_milliseconds(outcome.reply.seconds)})", "bright_black"),
        )
        # A terminal cuts lines at its width, so that one step stays one line; a file has them whole.
        if self._console.is_terminal:
            self._console.print(line, no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(line, soft_wrap=True)
        for goal_id, goal in moment.after.goals.items():
            if goal != moment.before.goals[goal_id]:
                status = _status(goal)
                text = f"     {goal.name}: {goal.progress:,} of {goal.target:,}, {status}"
                self._console.print(Text(text, STYLES[status]))
        self._live.update(_goals(moment.after), refresh=True)


def summary(performance: Performance, replies: Sequence[Reply[Any]]) -> Group:
    """Return the end of the demo: the rewards with their grants, and the calls with their times."""
    view = performance.view
    rewards = _table("Goal", "Reward", "Grant")
    for goal_id, claim in performance.claims.items():
        rewards.add_row(view.goals[goal_id].name, reward_words(claim.reward), claim.grant_id)
    calls = _table("Call", "Times", "Median", "Slowest")
    for method, group in groupby(sorted(replies, key=lambda reply: reply.method), lambda reply: reply.method):
        seconds = [reply.seconds for reply in group]
        calls.add_row(method, str(len(seconds)), _milliseconds(median(seconds)), _milliseconds(max(seconds)))
    result = (
        f"\n\n{len(view.done)} of {len(view.goals)} goals completed, {len(performance.claims)} rewards claimed, "
        f"{len(replies)} calls made; every response was as expected.\n"
    )
    return Group(Text(result, "bold green"), rewards, "", calls)


def _goals(view: View) -> Table:
    """Return all goals with their progress, by challenge."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for challenge in view.listed.challenges:
        table.add_row(Text(challenge.name, "bold"))
        for goal in challenge.goals:
            status = _status(goal)
            style = STYLES[status]
            table.add_row(
                Text(f" {goal.name}", style),
                ProgressBar(goal.target, goal.progress, BAR_CELLS, complete_style=style, finished_style=style),
                Text(f"{goal.progress:,}/{goal.target:,}", style, justify="right"),
                Text(status, style),
                Text(reward_words(goal.reward), style),
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
