"""Memory of processes, read from /proc, so on Linux alone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bench.cpu import children

_KIBIBYTE = 1_024
_MEBIBYTE = _KIBIBYTE**2


class Memory(NamedTuple):
    """Of a process and all that it has started, in MiB."""

    resident: float
    """Now; pages that several processes share count once."""
    peak: float
    """The most that each process ever had resident, added up; of shared pages each counts all that it touched."""


def memory_of(pid: int) -> Memory:
    """What a process and its descendants take."""
    resident = peak = 0.0
    for process in (pid, *children(pid)):
        resident += _value(Path(f"/proc/{process}/smaps_rollup"), "Pss")
        peak += _value(Path(f"/proc/{process}/status"), "VmHWM")
    return Memory(resident / _MEBIBYTE, peak / _MEBIBYTE)


def descriptors_of(pid: int) -> int:
    """How many files and sockets a process and its descendants have open."""
    return sum(_count(Path(f"/proc/{process}/fd")) for process in (pid, *children(pid)))


def _value(file: Path, name: str) -> int:
    """A field of one of the kernel's tables, in bytes; 0 where the process has ended."""
    try:
        lines = file.read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    for line in lines:
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * _KIBIBYTE
    return 0


def _count(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except FileNotFoundError:
        return 0
