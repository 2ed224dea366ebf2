"""A PostgreSQL data directory: its place and its creation."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devstack.account import Account
from devstack.errors import StartFailed
from devstack.process import handed_over
from devstack.server import ENVIRONMENT
from devstack.shelter import key, shelter

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
        """Create the cluster beside its place and move it there when complete, so that it is never half made."""
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
