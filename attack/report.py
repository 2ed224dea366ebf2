"""The result of an attack on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from attack.run import Result

FAILURES_SHOWN = 4


def show(console: Console, result: Result) -> None:
    """Print one attack with its phases and verdict."""
    console.print(Text(f"\n{result.kind.letter}  {result.kind.title}", "bold"))
    table = Table(box=None, header_style="dim", padding=(0, 2))
    for heading in ("", "calls", "failed", "p50 ms", "p95 ms", "longest ms"):
        table.add_column(heading, justify="right" if heading else "left")
    for phase in result.phases:
        shares = (f"{phase.percentile_ms(share):.1f}" for share in (0.5, 0.95, 1.0))
        table.add_row(phase.name, str(len(phase.latencies_ms)), str(phase.failed), *shares)
    console.print(table)
    for phase in result.phases:
        for failure, count in phase.failures.most_common(FAILURES_SHOWN):
            console.print(Text(f"  {phase.name}: {count} × {failure}"[:148], "dim"))  # noqa: RUF001
    for note in result.notes:
        console.print(Text(f"  {note}", "dim"))
    if result.faults:
        for fault in result.faults:
            console.print(Text(f"  FAILED: {fault}", "bold red"))
    else:
        console.print(Text("  held", "green"))
