"""An embedded Valkey server, used as a cache: it keeps nothing on disk."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

from devstack.binaries import valkey_server
from devstack.ports import LOOPBACK
from devstack.process import Child
from devstack.server import ENVIRONMENT, EmbeddedServer

SNAPSHOT = "dump.rdb"
"""Name of the file of a server's keys."""
STOP_S = 5
PROBE_S = 1
MEMORY_MAX = "256mb"
"""Memory limit, beyond which the least recently used keys are evicted."""


class EmbeddedValkey(EmbeddedServer):
    """A server with a password, empty after each start. `directory` holds its log, and what it sends to a replica."""

    name = "valkey"
    start_s = 10

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        memory_max: str = MEMORY_MAX,
        password: str = "",
        settings: Sequence[str] = (),
    ) -> None:
        """Describe a server; `memory_max` is in Valkey's notation, such as `256mb`.

        Without a password it takes a new one. `settings` are further lines of its configuration.
        """
        super().__init__(directory, port)
        self._memory_max = memory_max
        self._password = password or secrets.token_urlsafe(24)
        self._settings = tuple(settings)

    def _child_on(self, port: int) -> Child:
        # Written when a replica begins to follow; the next start would read it.
        folder = self.directory.resolve()
        (folder / SNAPSHOT).unlink(missing_ok=True)
        configuration = (
            f"bind {LOOPBACK}",
            f"port {port}",
            f"requirepass {self._password}",
            'save ""',
            f'dir "{folder}"',
            f"dbfilename {SNAPSHOT}",
            "appendonly no",
            f"maxmemory {self._memory_max}",
            "maxmemory-policy allkeys-lru",
            "daemonize no",
            *self._settings,
        )
        return Child(
            self.name,
            [str(valkey_server()), "-"],
            stdin="\n".join(configuration),
            output=self._log,
            env=ENVIRONMENT,
            grace_s=STOP_S,
        )

    def _is_ready(self, child: Child, port: int) -> bool:  # noqa: ARG002 - the password tells whose server it is
        try:
            with socket.create_connection((LOOPBACK, port), PROBE_S) as connection:
                connection.sendall(f"AUTH {self._password}\r\n".encode())
                return connection.recv(64) == b"+OK\r\n"
        except OSError:
            return False

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"
