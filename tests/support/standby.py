"""Standbys of an embedded PostgreSQL server, and what a failover does to both."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from devstack.account import server_account
from devstack.binaries import postgres_installation
from devstack.postgres import EmbeddedPostgres
from devstack.server import ENVIRONMENT
from tests.support.postgres_server import QUICK
from tests.support.waiting import wait_until

COPY_S = 60


@contextmanager
def standby_of(primary: EmbeddedPostgres, folder: Path, name: str) -> Iterator[EmbeddedPostgres]:
    """Copy a running server, start the copy as a standby of this name, and remove it at the end."""
    standby = EmbeddedPostgres(folder, settings={**QUICK, "cluster_name": name}, scram_iterations=1)
    account = server_account()
    data = standby.data
    folder.joinpath("password").write_text(primary.password)
    data.mkdir(mode=0o700)
    if account is not None:
        os.chown(data, account.uid, account.gid)
    program = postgres_installation(18, account) / "bin" / "pg_basebackup"
    try:
        subprocess.run(
            [str(program), "-d", primary.url, "-D", str(data), "-R", "-X", "stream", "--checkpoint=fast", "--no-sync"],
            env=ENVIRONMENT,
            cwd="/",
            timeout=COPY_S,
            check=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        standby.start()
        yield standby
    finally:
        standby.remove()


def execute(server: EmbeddedPostgres, *statements: str) -> None:
    """Execute statements on a server, each in a transaction of its own."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


class Link:
    """The connection by which a standby receives the log. Cutting it is for the primary as if the standby stopped."""

    def __init__(self, primary: EmbeddedPostgres, standby: EmbeddedPostgres) -> None:
        self._primary = primary
        self._standby = standby
        with psycopg.connect(standby.url) as connection:
            ((self._address,),) = connection.execute("SHOW primary_conninfo").fetchall()

    def cut(self) -> None:
        """Let the standby receive nothing from now on."""
        self._set("")
        wait_until(lambda: count_standbys(self._primary) == 0)

    def mend(self) -> None:
        """Let the standby catch up."""
        self._set(self._address)

    def _set(self, address: str) -> None:
        quoted = address.replace("'", "''")
        execute(self._standby, f"ALTER SYSTEM SET primary_conninfo = '{quoted}'", "SELECT pg_reload_conf()")


def count_standbys(primary: EmbeddedPostgres) -> int:
    """Return how many standbys receive the log of a server."""
    with psycopg.connect(primary.url, autocommit=True) as connection:
        return len(connection.execute("SELECT FROM pg_stat_replication").fetchall())


def require_standby(primary: EmbeddedPostgres, name: str) -> None:
    """Let commits of a server wait for the standby of this name, and wait until it has caught up."""
    execute(primary, f"ALTER SYSTEM SET synchronous_standby_names = '{name}'", "SELECT pg_reload_conf()")
    wait_until(lambda: _is_synchronous(primary))


def _is_synchronous(primary: EmbeddedPostgres) -> bool:
    with psycopg.connect(primary.url, autocommit=True) as connection:
        found = connection.execute("SELECT bool_or(sync_state = 'sync') FROM pg_stat_replication").fetchone()
    return found == (True,)


def promote(standby: EmbeddedPostgres) -> None:
    """Make a standby a primary, and wait until it accepts writes."""
    execute(standby, "SELECT pg_promote()")


def address_of(*servers: EmbeddedPostgres, parameters: str = "target_session_attrs=read-write") -> str:
    """Return one address of several servers, of which one accepts writes."""
    parts = urlsplit(servers[0].url)
    hosts = ",".join(f"{urlsplit(server.url).hostname}:{server.port}" for server in servers)
    return f"{parts.scheme}://{parts.username}:{parts.password}@{hosts}{parts.path}?{parameters}"
