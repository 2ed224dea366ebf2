"""The account that Postgres runs under, since it refuses to run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
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
