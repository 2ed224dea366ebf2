"""Tables, progress bars and texts for a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from shared.domain.goal import Stat
from shared.domain.instant import LIFETIME_START, Instant, to_datetime
from shared.domain.leaderboard import Leaderboard
from shared.domain.scores import RankingKey
from shared.domain.standings import EVERYTHING

WIDTH_MAX = 1_000


def printable(text: str) -> str:
    """Return a text in which every character without a visible form is written as its escape sequence.

    Names and reasons come from players, providers and other operators. Control characters could rewrite what a terminal
    shows, and bidirectional marks reorder it.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def say(*lines: str) -> None:
    """Print lines on standard output."""
    for line in lines:
        click.echo(printable(line))


def say_error(*lines: str) -> None:
    """Print lines on standard error."""
    for line in lines:
        click.echo(printable(line), err=True)


def write_any_text() -> None:
    """Let standard output and error escape the characters that their encoding lacks, instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def show(names: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: int = 0) -> None:
    """Print a table, one line a row. The last `numbers` columns are aligned to the right.

    Cells are plain text, because players and providers wrote some of them: no cell is read as markup, and characters
    without a visible form are escaped. Lines are as wide
    as they need to be: a line that a narrow terminal wraps can still be read, and grep finds it.
    """
    first_number = len(names) - numbers
    columns = (
        Column(name, no_wrap=True, justify="right" if index >= first_number else "left")
        for index, name in enumerate(names)
    )
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(_cell, row))
    console = Console()
    console.width = console.measure(table, options=console.options.update_width(WIDTH_MAX)).maximum
    console.print(table)


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    return Text("" if value is None else printable(str(value)))


def time_text(instant: Instant) -> str:
    """Return an instant to the second, in UTC."""
    return f"{to_datetime(instant):%Y-%m-%d %H:%M:%SZ}"


def who_text(operator: str, database_role: str | None) -> str:
    """Return the name that an operator gave, and the role of the database that acted, if it is known."""
    return operator if database_role is None else f"{operator} ({database_role})"


def period_text(start: Instant) -> str:
    """Return the start of a period."""
    return "all time" if start == LIFETIME_START else time_text(start)


def ranking_text(ranking: RankingKey) -> str:
    """Return a ranking's leaderboard and, unless it covers all time, the start of its period."""
    if ranking.period_start == LIFETIME_START:
        return ranking.board_id
    return f"{ranking.board_id} {time_text(ranking.period_start)}"


def over_text(board: Leaderboard) -> str:
    """Return what a leaderboard ranks by."""
    ranked = board.ranked
    if isinstance(ranked, Stat):
        over = f"{board.measure} of {ranked.code or ranked.source}"
    else:
        over = f"points of {ranked.kind} {ranked.id}" if ranked != EVERYTHING else "points"
    return f"{over}, least first" if board.ascending else over


def bytes_text(size: int) -> str:
    """Return a size, rounded."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def count_text(count: int, noun: str) -> str:
    """Return a number of things."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def share_text(part: int, whole: int) -> str:
    """Return a share in percent, or "-" of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def progress_bars(*, transient: bool = False) -> Progress:
    """Return progress bars on standard error, so that a command's output can be piped.

    Transient bars are shown only in a terminal, and disappear at the end.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=transient, disable=transient and not console.is_terminal)
