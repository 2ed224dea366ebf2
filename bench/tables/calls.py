"""Figures common to all tables of calls."""

from __future__ import annotations

from collections.abc import Iterable

from bench.figures import Table, Unit, at_most
from bench.load import Run, failures
from bench.machine import memory_of


def add_latency(
    table: Table, name: str, run: Run, *, p50: float | None = None, p95: float | None = None, p99: float | None = None
) -> None:
    """Add the percentiles of an open loop in milliseconds, with their targets."""
    for share, bound in ((0.5, p50), (0.95, p95), (0.99, p99)):
        table.add(
            f"latency {name}, p{share * 100:.0f}",
            run.latency_ms(share),
            Unit.MILLISECONDS,
            None if bound is None else at_most(bound),
            f"the generator itself was {run.late_ms(share):.2f} ms late",
        )


def add_failures(table: Table, runs: Iterable[Run]) -> None:
    """Add the number of failed calls, and their errors. On a quiet machine none fails."""
    every = list(runs)
    table.add("failed calls", sum(run.failed for run in every), target=at_most(0), note=failures(every))


def add_memory(table: Table, name: str, pid: int) -> None:
    """Add the memory of a process and its descendants."""
    memory = memory_of(pid)
    table.add(f"memory of {name}", memory.resident, Unit.MEBIBYTES, note=f"at its peak {memory.peak:,.0f} MiB")
