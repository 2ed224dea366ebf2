"""Figures common to all tables of calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from bench.figures import Table, Target, Unit, at_most, number, quotient
from bench.load import POSTGRES, Run, median, ratio
from bench.machine import memory_of

RunPairs: TypeAlias = Sequence[tuple[Run, Run]]
"""Runs of what is measured and of what it is compared with, by round."""
Measure: TypeAlias = Callable[[Run], float]


def rate(run: Run) -> float:
    """Return the successful calls per second."""
    return run.rate


def cpu_us(run: Run) -> float:
    """Return the server's CPU time per call in microseconds."""
    return run.cpu_us()


def postgres_us(run: Run) -> float:
    """Return the CPU time of Postgres per call in microseconds."""
    return run.cpu_us(POSTGRES)


def calls_per_core(run: Run) -> float:
    """Return the calls per second of the server's CPU time."""
    return quotient(1e6, run.cpu_us())


def add_medians(table: Table, name: str, pairs: RunPairs, measure: Measure, unit: Unit, *labels: str) -> None:
    """Add the medians of what is measured and, if it has a label, of what it is compared with."""
    for label, runs in zip(labels, zip(*pairs, strict=True), strict=False):
        table.add(f"{name}, {label}", median([measure(run) for run in runs]), unit)


def add_ratio(
    table: Table, name: str, pairs: RunPairs, measure: Measure, target: Target | None = None, note: str = ""
) -> None:
    """Add how many times as much was measured as of what it is compared with, with the range over the rounds."""
    found = ratio([(measure(run), measure(other)) for run, other in pairs])
    table.add(name, found.value, Unit.RATIO, target, f"{note}{found}")


def add_calls(
    table: Table,
    name: str,
    run: Run,
    *,
    p50: float | None = None,
    p95: float | None = None,
    p99: float | None = None,
    floor_p50: Target | None = None,
    floor_p95: Target | None = None,
) -> None:
    """Add the latency in milliseconds, the CPU time of a call, and both relative to their floor, with their targets."""
    for share, bound in ((0.5, p50), (0.95, p95), (0.99, p99)):
        table.add(
            f"latency {name}, p{share * 100:.0f}",
            run.latency_ms(share),
            Unit.MILLISECONDS,
            None if bound is None else at_most(bound),
            f"the generator itself was {run.late_ms(share):.2f} ms late",
        )
    if run.floor is not None:
        for what, measure, target in (
            ("p50", lambda of: of.latency_ms(0.5), floor_p50),
            ("p95", lambda of: of.latency_ms(0.95), floor_p95),
            ("CPU per call", cpu_us, None),
        ):
            value, floor = measure(run), measure(run.floor)
            times = quotient(value, floor)
            table.add(
                f"{what} {name} relative to its floor", times, Unit.RATIO, target, f"the floor is {number(floor)}"
            )
    if not math.isnan(run.round_trips):
        table.add(f"round trips per call {name}", run.round_trips)
    table.add(f"CPU per call {name}", cpu_us(run), Unit.MICROSECONDS)
    table.add(f"CPU of Postgres per call {name}", postgres_us(run), Unit.MICROSECONDS)


def add_saturated(
    table: Table,
    pairs: RunPairs,
    rate_target: Target | None = None,
    per_core: Target | None = None,
    aim: str = "",
    of: str = "",
) -> None:
    """Add what a saturated service achieves compared with the empty handler, with the targets of the two ratios."""
    labels = (f"{of}saturated", "empty handler")
    add_medians(table, "CPU per call", pairs, cpu_us, Unit.MICROSECONDS, *labels)
    add_medians(table, "CPU of Postgres per call", pairs, postgres_us, Unit.MICROSECONDS, labels[0])
    add_medians(table, "rate", pairs, rate, Unit.CALLS_A_SECOND, *labels)
    add_ratio(table, f"{of}rate relative to the empty handler", pairs, rate, rate_target)
    add_ratio(table, f"{of}calls per core-second relative to the empty handler", pairs, calls_per_core, per_core, aim)


def add_memory(table: Table, name: str, pid: int) -> None:
    """Add the memory of a process and its descendants."""
    memory = memory_of(pid)
    table.add(f"memory of {name}", memory.resident, Unit.MEBIBYTES, note=f"at its peak {memory.peak:,.0f} MiB")
