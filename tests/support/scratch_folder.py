"""A folder for the servers' files, in memory if there is room: a new database takes 30 ms there, 200 ms on disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - Linux's file system in memory; the folder in it is made by mkdtemp
ROOM_BYTES = 2 * 2**30
"""Maximum space a whole test run needs; containers often have only 64 MB of shared memory."""

_PREFIX = "challenge-tests-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Create a folder that the servers' account can enter; delete it at the end."""
    in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM_BYTES
    parent = MEMORY if in_memory else Path(tempfile.gettempdir())
    _remove_leftovers(parent)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _remove_leftovers(parent: Path) -> None:
    """Delete folders left behind by killed test runs."""
    for folder in parent.glob(f"{_PREFIX}*"):
        pid = int(folder.name.removeprefix(_PREFIX).split("-")[0])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            # It belongs to a test run of another account.
            continue
