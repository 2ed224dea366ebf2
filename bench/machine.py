"""Facts about the machine on which the figures are measured."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from bench.samples import median

_LIBRARIES = ("grpcio", "protobuf", "psycopg", "prometheus_client")
_SYNCS = 50
_PAGE = 8_192
"""The smallest unit that Postgres writes, in bytes."""


def machine() -> dict[str, str]:
    """Return the processor, memory, system and current load."""
    cores = len(os.sched_getaffinity(0))
    return {
        "processor": f"{_processor()}, {cores} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load before the start": f"{os.getloadavg()[0]:.2f} (runnable processes in the last minute)",
    }


def versions(postgres: str) -> dict[str, str]:
    """Return the versions of the interpreter, the database and the main libraries."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return {"versions": f"Python {platform.python_version()}, PostgreSQL {postgres}, {libraries}"}


def disk(directory: Path) -> dict[str, str]:
    """Return the file system of a folder, and the time it takes to make a page durable there."""
    kind = _file_system(directory)
    told = f"{kind}, {_sync_ms(directory):.2f} ms to make a page durable (median of {_SYNCS})"
    if kind == "tmpfs":
        told += "; in memory: commits cost nothing here, so no figure is comparable"
    return {"disk": told}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _file_system(directory: Path) -> str:
    """Return the file system type of the folder's mount point, the deepest above it."""
    above = [
        mount for mount in psutil.disk_partitions(all=True) if directory.resolve().is_relative_to(mount.mountpoint)
    ]
    return max(above, key=lambda mount: len(mount.mountpoint)).fstype if above else "unknown"


def _sync_ms(directory: Path) -> float:
    times = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            file.write(bytes(_PAGE))
            os.fdatasync(file.fileno())
            times.append(1e3 * (time.perf_counter() - started))
    return median(times)
