"""A real PgBouncer in transaction mode before a test's database."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from devstack.account import server_account
from devstack.ports import LOOPBACK
from tests.support.reserved_port import ReservedPort
from tests.support.waiting import wait_until

SETTING = "TEST_PGBOUNCER"
"""Variable with the path of the program, if it is not the one on PATH."""


def program() -> str | None:
    """Return the path of PgBouncer, or None if it is not installed."""
    return os.environ.get(SETTING) or shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


def version() -> tuple[int, int]:
    """Return the version of the program; (0, 0) if it is not installed."""
    path = program()
    if path is None:
        return 0, 0
    shown = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)\.(\d+)", shown)
    assert found is not None
    return int(found[1]), int(found[2])


IGNORING = {"ignore_startup_parameters": "options"}

installed = pytest.mark.skipif(program() is None, reason=f"PgBouncer is not on PATH, nor at {SETTING}")
keeps_statements = pytest.mark.skipif(
    version() < (1, 21), reason=f"no PgBouncer of 1.21 or newer, at {SETTING} or on PATH"
)


class PgBouncer:
    """PgBouncer before a database, on a port that stays the same across restarts."""

    def __init__(self, database_url: str, folder: Path, settings: Mapping[str, str]) -> None:
        parts, self._reserved = urlsplit(database_url), ReservedPort()
        self._folder, self._account = folder, server_account()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = parts._replace(
            netloc=f"{parts.username}:{parts.password}@{LOOPBACK}:{self._reserved.number}"
        ).geturl()
        users = folder / "users.txt"
        users.write_text(f'"{parts.username}" "{parts.password}"\n')
        config = _config(parts.hostname or "", parts.port or 0, self._reserved.number, users, settings)
        (folder / "pgbouncer.ini").write_text(config)
        if self._account is not None:
            for file in (folder, *folder.iterdir()):
                shutil.chown(file, self._account.uid, self._account.gid)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        path, account = program(), self._account
        assert path is not None
        with (self._folder / "log").open("ab") as log:
            self._process = process = subprocess.Popen(
                [path, "--quiet", str(self._folder / "pgbouncer.ini")],
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
                stderr=log,
                cwd=self._folder,
            )
        wait_until(lambda: process.poll() is not None or _listens(self.url))

    def kill(self) -> None:
        """End it as a crash would: its clients are not told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._reserved.close()


@contextmanager
def running_pgbouncer(database_url: str, **settings: str) -> Iterator[PgBouncer]:
    """Run PgBouncer before a database, and yield it."""
    with tempfile.TemporaryDirectory() as name:
        pooler = PgBouncer(database_url, Path(name), settings)
        try:
            pooler.start()
            yield pooler
        finally:
            pooler.close()


@contextmanager
def pgbouncer_to(database_url: str, **settings: str) -> Iterator[str]:
    """Run PgBouncer before a database, and yield the address that leads through it."""
    with running_pgbouncer(database_url, **settings) as pooler:
        yield pooler.url


def _config(host: str, database_port: int, port: int, users: Path, settings: Mapping[str, str]) -> str:
    lines = {
        "listen_addr": LOOPBACK,
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": str(users),
        "pool_mode": "transaction",
        "default_pool_size": "4",
        **settings,
    }
    body = "\n".join(f"{name} = {value}" for name, value in lines.items())
    return f"[databases]\n* = host={host} port={database_port}\n\n[pgbouncer]\n{body}\n"


def _listens(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError as error:
        return "refused" not in str(error)
    return True
