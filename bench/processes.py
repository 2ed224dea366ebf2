"""The servers under test as processes."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.output import Lines
from devstack.process import Child

ROOT = Path(__file__).parents[1]
START_S = 60.0
STOP_S = 20.0


class ServerProcess(Child):
    """`python -m MODULE`, which logs in a line of JSON that it serves, and its port."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        output: Lines | None = None,
    ) -> None:
        """Describe a process whose whole environment is `env`. An `output` has to pass its lines to `_read`."""
        self._serving = threading.Event()
        self._port = 0
        self._metrics_port = 0

        command = [sys.executable, "-m", module, *arguments]
        super().__init__(module, command, output=output or Lines(self._read), env=env or {}, cwd=ROOT, grace_s=STOP_S)

    @property
    def port(self) -> int:
        """The port for calls, once the server is serving."""
        return self._port

    @property
    def metrics_port(self) -> int:
        """The port for metrics. Raise `StartFailed` if the server does not log it."""
        self.wait_until(lambda: self._metrics_port > 0, START_S)
        return self._metrics_port

    @property
    def running_pid(self) -> int:
        """The process id, once the server is started."""
        if self.pid is None:
            raise RuntimeError(f"{self.name} is not started")
        return self.pid

    def serve(self) -> None:
        """Start and wait until the server takes calls. Raise `StartFailed` with its last lines if it does not."""
        self.start()
        self.wait_until(self._serving.is_set, START_S)

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
        except ValueError:
            return
        if not isinstance(entry, dict):
            return

        if entry.get("message") == "started":
            self._metrics_port = int(entry.get("metrics_port", 0))
        if entry.get("message") == "serving":
            self._port = int(entry["port"])
            self._serving.set()
