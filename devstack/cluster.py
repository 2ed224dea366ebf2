"""A PostgreSQL data directory: its place, its creation, and the server that owns it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devstack.account import Account, key, shelter
from devstack.errors import StartFailed
from devstack.process import handed_over
from devstack.server import ENVIRONMENT

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


ROLE = "challenge"
DATABASE = "challenge"

INITDB_S = 120
"""Limit for `initdb` in seconds. It takes one; minutes only on a disk that is very slow to sync."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The data directory and the password that belongs to it."""

    version: int
    data: Path
    password_file: Path

    @classmethod
    def at(cls, directory: Path, version: int, account: Account | None) -> Cluster:
        """Return the cluster of `directory`, which is created if it does not exist.

        Its data lies there, or in the shelter if `account` cannot reach it there.
        """
        directory.mkdir(parents=True, exist_ok=True)
        directory = directory.resolve()
        data = directory / "data"
        if account is not None and not account.can_reach(directory, "x"):
            data = shelter(account) / f"data-{key(directory)}"
        return cls(version, data, directory / "password")

    @property
    def password(self) -> str:
        """The password of `ROLE`."""
        return self.password_file.read_text().strip()

    def ensure(self, binaries: Path, account: Account | None, scram_iterations: int) -> None:
        """Create the cluster if it does not exist. Raise StartFailed if it exists in another version.

        `scram_iterations` is the number of hashing rounds of the password, see `EmbeddedPostgres`.
        """
        stamp = self.data / "PG_VERSION"
        if stamp.exists() and self.password_file.exists():
            if (found := stamp.read_text().strip()) != str(self.version):
                raise StartFailed(f"{self.data} was made by PostgreSQL {found}, not {self.version}")
            return
        if self.data.parent == self.password_file.parent and self.data.exists():
            raise StartFailed(f"the password of {self.data} is gone; remove that folder to start over")
        # Data in the shelter without its password belonged to a project folder that was deleted.
        self.remove()
        self._make(binaries, account, scram_iterations)

    def remove(self) -> None:
        """Delete the data and the password. The server must not run."""
        for folder in (self.data, self._unfinished):
            if folder.exists():
                shutil.rmtree(folder)
        self.password_file.unlink(missing_ok=True)

    @property
    def _unfinished(self) -> Path:
        return self.data.with_name(f"{self.data.name}.unfinished")

    def _make(self, binaries: Path, account: Account | None, scram_iterations: int) -> None:
        """Create the cluster in a temporary folder and rename that when complete, so that it is never half made."""
        password = secrets.token_urlsafe(24)
        self._unfinished.mkdir(mode=0o700)
        if account is not None:
            os.chown(self._unfinished, account.uid, account.gid)
        initdb = [
            f"{binaries / 'initdb'}",
            f"--pgdata={self._unfinished}",
            f"--username={ROLE}",
            "--pwfile=/dev/stdin",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # Bytewise order is the same on every version and system. Nothing here sorts text for people.
            "--no-locale",
            "--data-checksums",
        ]
        _run(initdb, password, account)
        single_user = [f"{binaries / 'postgres'}", "--single", "-D", f"{self._unfinished}", "-c", "exit_on_error=on"]
        set_up = f"ALTER ROLE {ROLE} PASSWORD '{password}';\nCREATE DATABASE {DATABASE};\n"
        _run([*single_user, "-c", f"scram_iterations={scram_iterations}", "postgres"], set_up, account)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(password)
        self._unfinished.rename(self.data)


def _run(command: list[str], stdin: str, account: Account | None) -> None:
    with handed_over(stdin, account) as descriptor:
        done = subprocess.run(
            command,
            stdin=descriptor,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
            cwd="/",
            timeout=INITDB_S,
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    if done.returncode != 0:
        raise StartFailed(f"{command[0]} ended with status {done.returncode}:\n{done.stdout.decode(errors='replace')}")
