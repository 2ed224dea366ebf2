"""A folder that the unprivileged account can reach, for files it cannot reach in the project.

A project of root often lies in a folder that no other account may enter (`/root`, mode 0700). Its permissions are not
ours to change, so the data directory and, if need be, the binaries go to a system folder.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from devstack.account import Account
from devstack.errors import StartFailed

NAME = "challenge-devstack"


def shelter(account: Account) -> Path:
    """Return the folder, which is created if it does not exist.

    It is `/var/tmp/challenge-devstack`, which survives a reboot, or lies in the system's temporary folder.
    """
    for parent in (Path("/var/tmp"), Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - see `_checked`
        if account.can_reach(parent, "x"):
            return _checked(parent / NAME)
    raise StartFailed("no temporary folder can be entered by the account that PostgreSQL runs under")


def _checked(folder: Path) -> Path:
    """Return the folder if it is ours and writable only by us: every account may write in a temporary folder."""
    folder.mkdir(exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise StartFailed(f"{folder} belongs to another account; remove it")
    folder.chmod(0o755)
    return folder


def key(*parts: object) -> str:
    """Return a short file name that identifies `parts`."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]
