"""An embedded PostgreSQL server."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

from devstack.account import Account, server_account
from devstack.binaries import postgres_installation
from devstack.cluster import DATABASE, ROLE, Cluster, Postmaster
from devstack.errors import AlreadyRunning
from devstack.ports import LOOPBACK
from devstack.process import POLL_S, Child
from devstack.server import ENVIRONMENT, EmbeddedServer

Version = Literal[16, 18]

STOP_S = 30
"""Limit in seconds of a fast stop, which writes a checkpoint; that takes a while on a slow disk."""
KILL_S = 6
"""Limit in seconds of an immediate stop, which gives the server's own processes 5 s to quit."""
LEAVING_S = 1
"""Time in seconds in which a server notices that its supervisor was killed."""


class EmbeddedPostgres(EmbeddedServer):
    """A server with one role, one database and a password. Its data survives a restart.

    The password and the log lie in `directory`, and so does the data unless the server's account cannot reach it there
    (see `devstack.account`).
    """

    name = "postgres"
    # It is ready within a second, but after a crash it first replays up to a gigabyte of log.
    start_s = 60

    def __init__(
        self,
        directory: Path,
        *,
        version: Version = 18,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        scram_iterations: int = 4_096,
    ) -> None:
        """Describe a server with `settings` of PostgreSQL by name. A start raises AlreadyRunning if the data is in use.

        `scram_iterations` counts when the cluster is created. Each connection repeats the rounds, which takes 4 ms at
        PostgreSQL's default; drivers in other languages refuse fewer, so only tests take 1.
        """
        super().__init__(directory, port)
        self._scram_iterations = scram_iterations
        self.version = version
        self._settings = dict(settings or {})

    def create(self) -> None:
        """Create the cluster if it does not exist. A start does this, too."""
        self._cluster.ensure(self._binaries, self._account, self._scram_iterations)

    def start(self) -> None:
        if not self.is_running:
            _wait_for_predecessor(self._cluster.data)
            self.create()
        super().start()

    @cached_property
    def _account(self) -> Account | None:
        return server_account()

    @cached_property
    def _cluster(self) -> Cluster:
        return Cluster.at(self.directory, self.version, self._account)

    @cached_property
    def _binaries(self) -> Path:
        return postgres_installation(self.version, self._account) / "bin"

    def _child_on(self, port: int) -> Child:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(port),
            "unix_socket_directories": "",
            "cluster_name": "challenge-devstack",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self._settings,
        }
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        return Child(
            self.name,
            [str(self._binaries / "postgres"), "-D", str(self._cluster.data), *options],
            output=self._log,
            env=ENVIRONMENT,
            account=self._account,
            grace_s=STOP_S,
            death_signal=signal.SIGINT,
        )

    def _is_ready(self, child: Child, port: int) -> bool:
        found = Postmaster.of(self._cluster.data)
        return found is not None and (found.pid, found.port, found.status) == (child.pid, port, "ready")

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}:{self._cluster.password}@{LOOPBACK}:{self._port}/{DATABASE}"

    def url_of(self, role: str) -> str:
        """Return the address for one of the roles of `deploy/roles.sql`, which have the superuser's password here."""
        return f"postgresql://challenge_{role}:{self._cluster.password}@{LOOPBACK}:{self._port}/{DATABASE}"

    @property
    def password(self) -> str:
        """The password of all roles."""
        return self._cluster.password

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._cluster.data

    def stop(self) -> None:
        if self._child is not None:
            # "Fast": transactions of clients are ended. If that takes too long, "immediate".
            self._child.stop((signal.SIGINT, signal.SIGQUIT))

    def kill(self) -> None:
        """End the server at once, as a crash would; the next start recovers from the write-ahead log."""
        if self._child is not None:
            self._child.stop((signal.SIGQUIT,), KILL_S)

    def remove(self) -> None:
        """Stop the server and delete its data and password."""
        self.kill()
        self._cluster.remove()


def _wait_for_predecessor(data: Path) -> None:
    """Wait for a server that is stopping; raise AlreadyRunning for one that is not."""
    started = time.monotonic()
    while (predecessor := Postmaster.of(data)) is not None and predecessor.is_alive:
        if time.monotonic() - started > (STOP_S if predecessor.status == "stopping" else LEAVING_S):
            raise AlreadyRunning(
                f"PostgreSQL already runs on {data}: process {predecessor.pid}, port {predecessor.port}; "
                f"stop it first: kill -INT {predecessor.pid}"
            )
        time.sleep(POLL_S)
    if predecessor is not None:
        predecessor.forget_if_reused()
