"""What a demo is shown on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from rich.console import Console

from demo.live_display import LiveDisplay
from demo.performance import Moment, Performance
from demo.plain_display import PlainDisplay


class Display(AbstractContextManager["Display"], Protocol):
    """Entered before the first moment, left after the last."""

    def show(self, moment: Moment) -> None:
        """Show what just happened."""

    def pause(self, seconds: float) -> None:
        """Leave the spectator so much time."""


def display_on(console: Console, player: str, performance: Performance) -> Display:
    """A picture that moves where the terminal can show one, lines of text elsewhere."""
    if console.is_interactive and console.file.isatty():
        return LiveDisplay(console, player, performance)
    return PlainDisplay(console, player)
