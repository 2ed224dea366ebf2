"""Facts about the machine on which the figures are measured; memory, open files and cores of processes, on Linux."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.load import median
from load_generator.usage import family

_LIBRARIES = ("grpcio", "protobuf", "psycopg", "prometheus_client")
_SYNCS = 50
_PAGE = 8_192
"""The smallest unit that Postgres writes, in bytes."""


def facts(postgres: str, directory: Path) -> dict[str, str]:
    """Return what the figures depend on: hardware, versions (`postgres` is the database's), and the folder's disk."""
    file_system = _file_system(directory)
    disk = f"{file_system}, {sync_ms(directory):.2f} ms to make a page durable (median of {_SYNCS})"
    if file_system == "tmpfs":
        disk += "; in memory: commits cost nothing here, so no figure is comparable"
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "load before the start": f"{os.getloadavg()[0]:.2f} (runnable processes in the last minute)",
        "versions": f"Python {platform.python_version()}, PostgreSQL {postgres}, {libraries}",
        "disk": disk,
    }


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


def sync_ms(directory: Path) -> float:
    """Return the time in milliseconds that the folder's disk takes to make a page durable, the median of some."""
    times = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            file.write(bytes(_PAGE))
            os.fdatasync(file.fileno())
            times.append(1e3 * (time.perf_counter() - started))
    return median(times)


_MEBIBYTE = 2**20
_KIBIBYTE = 2**10


class Memory(NamedTuple):
    """Memory of a process and its descendants, in MiB."""

    resident: float
    """Resident now; pages shared by several processes count once."""
    peak: float
    """Sum of each process's peak resident size; shared pages count in each process."""


class Cores(NamedTuple):
    """Cores this process may use, and their split. With a single core everything shares it.

    The server under test has a core of its own, so a saturated server is limited by that core and nothing else, and
    its rate is a rate per core.
    """

    every: tuple[int, ...]
    server: tuple[int, ...]
    others: tuple[int, ...]

    def __str__(self) -> str:
        server, others = (", ".join(map(str, cores)) for cores in (self.server, self.others))
        return f"{server} for the server under test, {others} for Postgres and the load generator"

    @classmethod
    def of_this_machine(cls) -> Cores:
        """Return the first core for the server and the rest for everything else."""
        every = tuple(sorted(os.sched_getaffinity(0)))
        return cls(every, every[:1], every[1:] or every)


def memory_of(pid: int) -> Memory:
    """Return the memory of a process and its descendants."""
    resident = peak = 0.0
    for process in family(pid):
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            resident += process.memory_full_info().pss
            peak += _peak_resident(process.pid)
    return Memory(resident / _MEBIBYTE, peak / _MEBIBYTE)


def thread_cpu_us(pid: int) -> float:
    """Return the CPU time in microseconds of a process with one thread, as a session of Postgres is."""
    on_cpu_ns, *_ = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    return int(on_cpu_ns) / 1e3


def descriptors_of(pid: int) -> int:
    """Return the number of open files and sockets of a process and its descendants."""
    return sum(process.num_fds() for process in family(pid))


def pin(pid: int, cores: tuple[int, ...]) -> None:
    """Restrict a process, its threads and its descendants to these cores; what they start later inherits it."""
    for process in family(pid):
        # A process or thread may have ended since it was listed.
        with suppress(psutil.NoSuchProcess):
            for thread in process.threads():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(thread.id, cores)


def _peak_resident(pid: int) -> int:
    """Return a process's peak resident size in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * _KIBIBYTE
    return 0
