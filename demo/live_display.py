"""The demo as a picture that moves: the goals of each challenge, and below them a log of the latest calls."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.constrain import Constrain
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.deeds import Tone
from demo.goal_tables import goal_tables, height_of
from demo.performance import Moment, Performance
from demo.words import duration_words

FRAME_S = 1 / 20
FILL_S = 0.35
"""How long a bar takes to its new length."""

COLUMNS_MAX = 120
"""Wider, and the eye loses the line."""
LOG_LINES_MIN = 3
OTHER_LINES = 3
"""The header, the empty line above the log, and the line that the cursor stands on."""

TONE_STYLES = {Tone.DONE: "default", Tone.REPEATED: "yellow", Tone.REFUSED: "red"}


class LiveDisplay:
    """Redraws itself in `pause`; the last picture stays on the screen."""

    def __init__(self, console: Console, player: str, performance: Performance) -> None:
        self._console = console
        self._player = player
        self._steps = performance.steps
        self._picture = performance.picture
        self._moments: list[Moment] = []
        self._from: Mapping[str, float] = self._target()
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        self._draw(1.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._draw(1.0)
        self._live.__exit__(kind, error, traceback)

    def show(self, moment: Moment) -> None:
        """Take up what just happened; `pause` draws it."""
        self._from = self._target()
        self._picture = moment.after
        self._moments.append(moment)

    def pause(self, seconds: float) -> None:
        """Let the bars fill up, and wait for the rest of the time."""
        started = time.monotonic()
        fill_s = min(FILL_S, seconds)
        while (elapsed := time.monotonic() - started) < fill_s:
            self._draw(elapsed / fill_s)
            time.sleep(FRAME_S)
        self._draw(1.0)
        time.sleep(max(0.0, started + seconds - time.monotonic()))

    def _target(self) -> Mapping[str, float]:
        return {goal_id: float(goal.progress) for goal_id, goal in self._picture.goals.items()}

    def _draw(self, share: float) -> None:
        """The picture when the bars have gone this share of their way, 0 to 1; they slow down towards its end."""
        gone = 1 - (1 - share) ** 3
        progress = {
            goal_id: self._from[goal_id] + gone * (to - self._from[goal_id]) for goal_id, to in self._target().items()
        }
        changed = self._moments[-1].after.changed_since(self._moments[-1].before) if self._moments else frozenset()
        tables = goal_tables(self._picture, progress, changed)
        picture = Group(self._header(), *tables, "", self._log())
        self._live.update(Constrain(picture, COLUMNS_MAX), refresh=True)

    def _header(self) -> Table:
        header = Table.grid(expand=True)
        header.add_column(no_wrap=True)
        header.add_column(no_wrap=True, justify="right")
        number, title = (self._moments[-1].number, self._moments[-1].chapter.title) if self._moments else (0, "")
        header.add_row(
            Text.assemble((f" {self._player}", "bold"), "  ", (title, "cyan")),
            Text(f"step {number} of {self._steps} ", "bright_black"),
        )
        return header

    def _log(self) -> Table:
        lines = max(LOG_LINES_MIN, self._console.height - height_of(self._picture) - OTHER_LINES)
        log = Table.grid(expand=True, padding=(0, 1, 0, 0))
        log.add_column(width=30, no_wrap=True, overflow="ellipsis")
        log.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        log.add_column(no_wrap=True, justify="right")
        for moment in self._moments[-lines:]:
            outcome = moment.outcome
            log.add_row(
                Text(f" {moment.caption}", "bold" if moment is self._moments[-1] else "default"),
                Text.assemble((f"{outcome.reply.method} ", "bright_black"), (outcome.words, TONE_STYLES[outcome.tone])),
                Text(duration_words(outcome.reply.seconds), "bright_black"),
            )
        return log
