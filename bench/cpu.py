"""CPU time of processes, read from /proc, so on Linux alone."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_USER_TIME = 11
"""The position, behind the name, of the first of four columns: user, system, and both of children that have ended."""


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of all that it has started, in seconds; 0 where there is no process.

    Children that ended count from the moment their parent has waited for them. The kernel counts in hundredths.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # The name stands in parentheses and may hold anything.
    columns = stat.rpartition(")")[2].split()
    own = sum(int(ticks) for ticks in columns[_USER_TIME : _USER_TIME + 4]) / _TICKS
    return own + sum(cpu_seconds(child) for child in children)


def busy_seconds() -> float:
    """Time that all cores together were not idle, in seconds, with what the hypervisor took away."""
    with Path("/proc/stat").open() as file:
        user, nice, system, _idle, _wait, *interrupts_and_steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + sum(interrupts_and_steal)) / _TICKS


def family(pid: int) -> list[int]:
    """A process, its threads, and the same of all that it has started and that still runs."""
    threads: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            threads.append(int(task.name))
            for child in (task / "children").read_text().split():
                threads += family(int(child))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return threads


def children(pid: int) -> list[int]:
    """All processes that a process has started and that still run, and those that these have started."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *children(child)]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found
