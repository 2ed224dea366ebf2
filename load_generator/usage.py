"""CPU time of processes and of the machine."""

from __future__ import annotations

import psutil


def cpu_seconds(pid: int) -> float:
    """Return the user and system time in seconds of a process and everything it has started; 0 if it does not exist.

    Children that have ended count once their parent has waited for them. The kernel's resolution is 10 ms.
    """
    return sum(sum(times[:4]) for times in (process.cpu_times() for process in family(pid)))


def busy_seconds() -> float:
    """Return the time in seconds that all cores together were not idle, including time the hypervisor took."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + getattr(times, "steal", 0.0))


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all its running descendants; empty if it does not exist."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
