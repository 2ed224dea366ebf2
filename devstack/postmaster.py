"""`postmaster.pid`, in which a running PostgreSQL server describes itself in its data directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

FILE = "postmaster.pid"


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The server that owns a data directory, or owned it until it was killed."""

    data: Path
    pid: int
    port: int
    status: str
    """`starting`, `ready`, `stopping` or `standby`; empty before the first of these."""

    @classmethod
    def of(cls, data: Path) -> Postmaster | None:
        """Return the contents of the file; None if it does not exist or is still being written."""
        try:
            # Process id, data directory, start time, port, socket folder, address, shared memory, status.
            lines = (data / FILE).read_text().splitlines()
            return cls(data, int(lines[0]), int(lines[3]), lines[7].strip() if len(lines) > 7 else "")
        except (FileNotFoundError, IndexError, ValueError):
            return None

    @property
    def is_alive(self) -> bool:
        """True if a process with that id exists and is this server."""
        if not _exists(self.pid):
            return False
        try:
            # A postmaster's working directory is its data directory.
            return Path(f"/proc/{self.pid}/cwd").readlink() == self.data.resolve()
        except OSError:
            # Without access to /proc, assume it is: better no server than two on the same data.
            return True

    def forget_if_reused(self) -> None:
        """Remove the file of a killed server whose process id was reused: PostgreSQL would not start.

        Containers reuse process ids quickly. PostgreSQL itself handles all other leftovers.
        """
        if _exists(self.pid) and not self.is_alive:
            (self.data / FILE).unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        # There is no such process, or it belongs to another user; the server of this directory would be ours.
        return False
    return True
