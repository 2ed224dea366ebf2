"""The base of the embedded servers: a log, a port, and a start that waits until the server is ready."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from typing import ClassVar, Self

from devstack.errors import StartFailed
from devstack.output import LogFile
from devstack.ports import free_port, is_free
from devstack.process import Child

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""The whole environment of a server: a stray PGDATA or PGPORT would change its behaviour."""

PORT_ATTEMPTS = 5
"""Number of attempts when another program takes the port that was picked."""


class EmbeddedServer(ABC):
    """A server on a loopback port. Its port, password and `url` do not change after the first start."""

    name: ClassVar[str]
    start_s: ClassVar[float]
    """Limit of a start in seconds."""

    def __init__(self, directory: Path, port: int) -> None:
        """Use `directory`, which is created if it does not exist. Port 0 picks a free one at the first start."""
        self.directory = directory
        self._log = LogFile(directory / "server.log")
        self._port = port
        self._child: Child | None = None

    def start(self) -> None:
        """Start the server and wait until it responds. Raise StartFailed, with the end of its log, if it does not."""
        if self.is_running:
            raise StartFailed(f"{self.name} runs already")
        self.directory.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            port = self._port or free_port()
            child = self._child = self._child_on(port)
            child.start()
            try:
                child.wait_until(partial(self._is_ready, child, port), self.start_s)
            except StartFailed:
                taken = not self._port and not is_free(port)
                if taken and attempt < PORT_ATTEMPTS:
                    continue
                raise
            except BaseException:
                child.kill()
                raise
            self._port = port
            return

    @abstractmethod
    def _child_on(self, port: int) -> Child:
        """Return the process that serves on `port`."""

    @abstractmethod
    def _is_ready(self, child: Child, port: int) -> bool:
        """Return whether `child`, not some other server on that port, takes commands."""

    @property
    def port(self) -> int:
        """The port. Known from the first start on."""
        return self._port

    @property
    @abstractmethod
    def url(self) -> str:
        """The connection URL with the password. Known from the first start on."""

    def stop(self) -> None:
        """Stop the server cleanly; do nothing if it does not run."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._child is not None:
            self._child.kill()

    @property
    def is_running(self) -> bool:
        """True if the server runs."""
        return self._child is not None and self._child.is_running

    @property
    def pid(self) -> int | None:
        """The server's process id; None before the first start."""
        return self._child.pid if self._child else None

    def tail(self) -> str:
        """Return the last lines of the server's log."""
        return self._log.tail()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
