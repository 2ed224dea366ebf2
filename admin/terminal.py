"""How things look in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from shared.domain.catalogue import EVERYTHING, Leaderboard, Stat
from shared.domain.instant import Instant, to_datetime
from shared.domain.periods import LIFETIME_START
from shared.domain.scores import RankingKey

WIDTH_MAX = 1_000


def lines_of(*names: str) -> Table:
    """A table without borders, a line for each row."""
    return Table(*(Column(name, no_wrap=True) for name in names), box=None, pad_edge=False)


def add(table: Table, *cells: object) -> None:
    """Add a row. Cells are text: what came from players or providers is not markup."""
    table.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))


def show(table: Table) -> None:
    """Print it as wide as it takes: a line that a narrow terminal breaks can be read, and grep finds it."""
    console = Console()
    console.width = console.measure(table, options=console.options.update_width(WIDTH_MAX)).maximum
    console.print(table)


def time_text(instant: Instant) -> str:
    """An instant to the second, in UTC."""
    return f"{to_datetime(instant):%Y-%m-%d %H:%M:%SZ}"


def period_text(start: Instant) -> str:
    """The start of a ranking's period."""
    return "all time" if start == LIFETIME_START else time_text(start)


def ranking_text(ranking: RankingKey) -> str:
    """A ranking's board, and where there are several, the start of its period."""
    if ranking.period_start == LIFETIME_START:
        return ranking.board_id
    return f"{ranking.board_id} {time_text(ranking.period_start)}"


def over_text(board: Leaderboard) -> str:
    """What a board ranks by."""
    ranked = board.ranked
    if isinstance(ranked, Stat):
        what = f"{board.measure} of {ranked.code or ranked.source}"
    else:
        what = f"points of {ranked.kind} {ranked.id}" if ranked != EVERYTHING else "points"
    return f"{what}, least first" if board.ascending else what


def bytes_text(size: int) -> str:
    """A size, rounded."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def share_text(part: int, whole: int) -> str:
    """A share in percent; nothing of nothing is no share."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def progress_bars() -> Progress:
    """Bars on standard error, so that what a command prints can be piped."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
