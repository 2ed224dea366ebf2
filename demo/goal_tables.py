"""Tables of goals: one for each challenge, their columns in line with each other."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

from challenge.v1 import challenge_pb2
from rich.box import ROUNDED
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from demo.picture import Picture
from demo.words import reward_words, standing_word


class Look(NamedTuple):
    """How a goal is marked."""

    mark: str
    style: str


LOOKS = {
    "inactive": Look("·", "bright_black"),
    "not started": Look("○", "default"),
    "in progress": Look("◐", "cyan"),
    "locked": Look("◇", "yellow"),
    "completed": Look("●", "bold bright_green"),
    "claimed": Look("✔", "dim green"),
}
"""By `standing_word`."""


def goal_tables(picture: Picture, progress: Mapping[str, float], changed: Set[str]) -> list[Panel]:
    """All challenges of a picture. `progress` is what the bars show, by goal id; goals in `changed` stand out."""
    goals = picture.goals.values()
    names = max(len(goal.name) for goal in goals)
    amounts = max(len(_amount(goal, goal.target)) for goal in goals)
    rewards = max(len(reward_words(goal.reward)) for goal in goals)
    panels = []
    for challenge in picture.listed.challenges:
        table = Table.grid(expand=True, padding=(0, 1, 0, 0))
        table.add_column(width=2 + names, no_wrap=True)
        table.add_column(ratio=1, min_width=8)
        table.add_column(width=amounts, no_wrap=True, justify="right")
        table.add_column(width=max(map(len, LOOKS)), no_wrap=True)
        table.add_column(width=rewards, no_wrap=True)
        for goal in challenge.goals:
            word = standing_word(goal)
            look = LOOKS[word]
            shown = progress[goal.goal_id]
            emphasis = "bold " if goal.goal_id in changed else ""
            table.add_row(
                Text.assemble((look.mark, look.style), " ", (goal.name, f"{emphasis}{_text_style(word)}")),
                ProgressBar(
                    goal.target, shown, complete_style=look.style, finished_style=look.style, style="bright_black"
                ),
                Text(_amount(goal, round(shown)), _text_style(word)),
                Text(word, look.style),
                Text(reward_words(goal.reward), look.style if word == "claimed" else _text_style(word)),
            )
        title = Text(f" {challenge.name} ", "bold default")
        panels.append(Panel(table, box=ROUNDED, title=title, title_align="left", border_style="bright_black"))
    return panels


def height_of(picture: Picture) -> int:
    """How many lines the tables of a picture take."""
    borders = 2
    return sum(len(challenge.goals) + borders for challenge in picture.listed.challenges)


def _amount(goal: challenge_pb2.Goal, progress: int) -> str:
    return f"{progress:,}/{goal.target:,}"


def _text_style(word: str) -> str:
    return "bright_black" if word == "inactive" else "default"
