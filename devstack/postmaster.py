"""`postmaster.pid`: what a running PostgreSQL server writes into its data directory about itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

FILE = "postmaster.pid"


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The server that owns a data directory, or that did until it was killed."""

    data: Path
    pid: int
    port: int
    status: str
    """`starting`, `ready`, `stopping` or `standby`; empty before the first."""

    @classmethod
    def of(cls, data: Path) -> Postmaster | None:
        """What the file says; None if there is none, or if it is still being written."""
        try:
            # Process id, data directory, start time, port, socket folder, address, shared memory, status.
            lines = (data / FILE).read_text().splitlines()
            return cls(data, int(lines[0]), int(lines[3]), lines[7].strip() if len(lines) > 7 else "")
        except (FileNotFoundError, IndexError, ValueError):
            return None

    @property
    def is_alive(self) -> bool:
        """Whether a process of that id exists and is this server."""
        if not _exists(self.pid):
            return False
        try:
            # A postmaster works in its data directory.
            return Path(f"/proc/{self.pid}/cwd").readlink() == self.data.resolve()
        except OSError:
            # No /proc on this system, or not for us to see: better one server too few than two on the same data.
            return True

    def forget_if_reused(self) -> None:
        """Remove the file of a killed server whose process id another process has now: PostgreSQL would not start.

        Process ids are used again quickly in containers. All other leftovers PostgreSQL judges better than we could.
        """
        if _exists(self.pid) and not self.is_alive:
            (self.data / FILE).unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        # No such process, or one of another user: the server of this directory would be ours.
        return False
    return True
