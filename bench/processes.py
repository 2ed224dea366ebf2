"""The servers under test, as processes."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from devstack.output import Lines
from devstack.process import Child

ROOT = Path(__file__).parents[1]
START_S = 60.0
STOP_S = 15.0


class Said(NamedTuple):
    """A line of a server's log."""

    at_s: float
    """When it came, in monotonic seconds."""
    entry: Mapping[str, Any]


class ServerProcess(Child):
    """`python -m MODULE`, which says in a line of JSON that it serves, and at which port."""

    def __init__(self, module: str, arguments: Sequence[str] = (), env: Mapping[str, str] | None = None) -> None:
        """`env` is all that the process sees of the environment."""
        self._serving = threading.Event()
        self._port = 0
        self._metrics_port = 0
        self._said: list[Said] = []
        command = [sys.executable, "-m", module, *arguments]
        super().__init__(module, command, output=Lines(self._read), env=env or {}, cwd=ROOT, grace_s=STOP_S)

    @property
    def port(self) -> int:
        """Where it takes calls, once it serves."""
        return self._port

    @property
    def metrics_port(self) -> int:
        """Where it answers Prometheus. Raises `StartFailed` if it does not say."""
        self.wait_until(lambda: self._metrics_port > 0, START_S)
        return self._metrics_port

    @property
    def running_pid(self) -> int:
        """The process id, once it is started."""
        if self.pid is None:
            raise RuntimeError(f"{self.name} is not started")
        return self.pid

    def serve(self) -> None:
        """Start, and wait until calls are taken. Raises `StartFailed` with its last lines if that does not come."""
        self.start()
        self.wait_until(self._serving.is_set, START_S)

    def wait_for(self, message: str, count: int) -> Said:
        """Wait until it has logged the message so many times, and answer the last of them; `StartFailed` as `serve`."""
        self.wait_until(lambda: len(self._lines_of(message)) >= count, START_S)
        return self._lines_of(message)[count - 1]

    def _lines_of(self, message: str) -> list[Said]:
        return [said for said in list(self._said) if said.entry.get("message") == message]

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if not isinstance(entry, dict):
            return
        self._said.append(Said(time.monotonic(), entry))
        if entry.get("message") == "started":
            self._metrics_port = int(entry.get("metrics_port", 0))
        if entry.get("message") == "serving":
            self._port = int(entry["port"])
            self._serving.set()
