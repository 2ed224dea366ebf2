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

from devstack.account import server_account
from devstack.ports import LOOPBACK, free_port
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


@contextmanager
def pgbouncer_to(url: str, **settings: str) -> Iterator[str]:
    """Run PgBouncer before a database, and yield the address that leads through it."""
    path, parts, port = program(), urlsplit(url), free_port()
    assert path is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        users = folder / "users.txt"
        users.write_text(f'"{parts.username}" "{parts.password}"\n')
        config = _config(parts.hostname or "", parts.port or 0, port, users, settings)
        (folder / "pgbouncer.ini").write_text(config)
        account = server_account()
        if account is not None:
            for file in (folder, *folder.iterdir()):
                shutil.chown(file, account.uid, account.gid)
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(
                [path, "--quiet", str(folder / "pgbouncer.ini")],
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
                stderr=log,
                cwd=folder,
            ) as running,
        ):
            through = parts._replace(netloc=f"{parts.username}:{parts.password}@{LOOPBACK}:{port}").geturl()
            try:
                wait_until(lambda: running.poll() is not None or _listens(through))
                yield through
            finally:
                running.terminate()


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
