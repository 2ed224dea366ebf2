"""The demo as lines of text, for pipes, files and terminals that cannot move a cursor."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from challenge.v1 import challenge_pb2
from rich.console import Console

from demo.performance import Moment
from demo.words import duration_words, standing_word

BAR_CELLS = 20


class PlainDisplay:
    """A line for each step, and under it one for each goal that looks different than before."""

    def __init__(self, console: Console, player: str) -> None:
        self._console = console
        self._player = player
        self._chapter = ""

    def __enter__(self) -> Self:
        self._say(f"{self._player} plays.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None

    def show(self, moment: Moment) -> None:
        """Say what just happened."""
        if moment.chapter.title != self._chapter:
            self._chapter = moment.chapter.title
            self._say(f"\n{self._chapter}")
        reply = moment.outcome.reply
        answer = f"{reply.method}: {moment.outcome.words}"
        self._say(f"{moment.number:>3}  {moment.caption:<29}  {answer} ({duration_words(reply.seconds)})")
        changed = moment.after.changed_since(moment.before)
        for goal_id, goal in moment.after.goals.items():
            if goal_id in changed:
                self._say(f"       {_goal_line(goal)}")

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _goal_line(goal: challenge_pb2.Goal) -> str:
    bar = "#" * (BAR_CELLS * goal.progress // goal.target)
    return f"{goal.name:<22} [{bar:<{BAR_CELLS}}] {goal.progress:,} of {goal.target:,}, {standing_word(goal)}"
