"""The start of a service, and the memory of one that has nothing to do."""

from __future__ import annotations

import time
from statistics import median

from bench.figures import Table, Unit, at_most
from bench.machine import memory_of
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.workbench import Setup, Workbench
from load_generator.usage import cpu_seconds

STARTS = 5
IDLE_S = 1.0
"""Seconds from serving to the measurement of memory: by then duties have begun."""


def measure_start(bench: Workbench) -> Table:
    """Measure how long each service takes to serve, the CPU of that, and its memory before the first call."""
    table = Table(
        "start",
        "A service starts and has nothing to do",
        f"From the start of the process to its log line that it serves, with 500 goals: medians of {STARTS} starts. "
        f"Memory is its share (PSS) {IDLE_S:g} s later.",
    )
    with bench.setup() as setup:
        for module in (CHALLENGE_SERVICE, EVENT_HANDLER):
            bench.say(f"start: {module}")
            starts = [_start(bench, setup, module) for _ in range(STARTS)]
            wall_s, cpu_s, memory_mib = (median(column) for column in zip(*starts, strict=True))
            table.add(f"{module}: until it serves", wall_s, Unit.SECONDS, at_most(0.6))
            table.add(f"{module}: CPU until it serves", cpu_s, Unit.SECONDS)
            table.add(f"{module}: memory, idle", memory_mib, Unit.MEBIBYTES, at_most(60.0))
    return table


def _start(bench: Workbench, setup: Setup, module: str) -> tuple[float, float, float]:
    """Start and stop a service; return the seconds and CPU seconds until it served, and its memory in MiB."""
    began = time.monotonic()
    with bench.service(module, setup) as server:
        wall_s = time.monotonic() - began
        cpu_s = cpu_seconds(server.running_pid)
        time.sleep(IDLE_S)
        return wall_s, cpu_s, memory_of(server.running_pid).resident
