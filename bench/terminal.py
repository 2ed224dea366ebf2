"""The report on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from bench.figures import Figure, Table, number

_WIDTH_ELSEWHERE = 150
"""Number of columns where the output is not a terminal."""


class Terminal:
    """Writes to standard output; progress is shown only on a terminal, where it disappears."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = _WIDTH_ELSEWHERE
        self._status = self._console.status("starting")

    def __enter__(self) -> Terminal:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def say(self, text: str) -> None:
        """Show what is being done."""
        self._status.update(text)

    def show_header(self, facts: Mapping[str, str]) -> None:
        """Show the facts about the run."""
        grid = RichTable.grid(padding=(0, 2))
        for name, value in facts.items():
            grid.add_row(Text(name, "dim"), value)
        self._console.print(grid)

    def show(self, table: Table) -> None:
        """Show a table of the report."""
        self._console.print()
        if table.warning:
            self._console.print(Text(table.warning, "bold red"))
        self._console.print(Text(table.title, "bold"))
        self._console.print(Padding(Text(table.conditions, "dim"), (0, 0, 0, 2)))
        if table.grid:
            self._console.print(_shown_grid(table.grid))
        self._console.print(_shown_figures(table))


def _shown_figures(table: Table) -> RichTable:
    shown = RichTable(box=None, header_style="dim", padding=(0, 2))
    shown.add_column("figure", overflow="fold")
    shown.add_column("target", justify="right", no_wrap=True)
    shown.add_column("measured", justify="right", no_wrap=True)
    shown.add_column("met", no_wrap=True)
    shown.add_column("", style="dim", overflow="fold")
    for figure in table.figures:
        shown.add_row(
            figure.name, str(figure.target or ""), Text(figure.shown, "bold"), _shown_verdict(figure), figure.note
        )
    return shown


def _shown_verdict(figure: Figure) -> Text:
    if figure.met is None:
        return Text("")
    return Text("yes", "green") if figure.met else Text("NO", "bold red")


def _shown_grid(grid: Sequence[Mapping[str, float]]) -> RichTable:
    shown = RichTable(box=None, header_style="dim", padding=(0, 1))
    for column in grid[0]:
        shown.add_column(column, justify="right")
    for row in grid:
        shown.add_row(*map(number, row.values()))
    return shown
