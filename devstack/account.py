"""The account that Postgres runs under: it refuses to run as root."""

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
        """Whether the account has `permission` (`r`, `w` or `x`, as for `test`) on `path` and on the way to it.

        A process of that account is asked, not the mode bits: it alone knows about access lists and mounts.
        """
        command = ["/bin/sh", "-c", f'test -{permission} "$1"', "sh", str(path)]
        return (
            subprocess.run(command, cwd="/", user=self.uid, group=self.gid, extra_groups=[], check=False).returncode
            == 0
        )


def server_account() -> Account | None:
    """The unprivileged account if this process is root, and None (stay who we are) otherwise."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise StartFailed(f"PostgreSQL does not run as root, and there is no account {UNPRIVILEGED!r}") from None
    return Account(entry.pw_uid, entry.pw_gid)
