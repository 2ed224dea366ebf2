"""The account that Postgres runs under, since it refuses to run as root, and a folder that this account can reach.

A project of root often lies in a folder that no other account may enter (`/root`, mode 0700). Its permissions are not
ours to change, so the data directory and, if need be, the binaries go to a system folder.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import StartFailed

UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group that a root process can become."""

    uid: int
    gid: int

    def can_reach(self, path: Path, permission: str) -> bool:
        """Return whether the account has `permission` (`r`, `w` or `x`, as for `test`) on `path` and its parents.

        A process of that account checks it, because mode bits do not show access lists and mounts.
        """
        command = ["/bin/sh", "-c", f'test -{permission} "$1"', "sh", str(path)]
        return (
            subprocess.run(command, cwd="/", user=self.uid, group=self.gid, extra_groups=[], check=False).returncode
            == 0
        )


def server_account() -> Account | None:
    """Return the unprivileged account if this process is root, otherwise None (keep the current account)."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise StartFailed(f"PostgreSQL does not run as root, and there is no account {UNPRIVILEGED!r}") from None
    return Account(entry.pw_uid, entry.pw_gid)


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
