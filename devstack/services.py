"""The two services, and what else of the project runs as a process, as supervised children."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from devstack.output import Lines, prefixed
from devstack.process import Child

MAGENTA, CYAN, YELLOW = 35, 36, 33

SERVING_S = 60
"""A service imports, loads its catalogue and connects in 2 s; a busy machine takes longer."""
STOP_MARGIN_S = 10
"""What a service may take to stop beyond the grace for its calls: the last batch, the pool, telemetry."""


class Service(Child):
    """`python -m MODULE` with its output on the terminal; its calls under way have `grace_s` to end."""

    def __init__(self, module: str, env: Mapping[str, str], *, colour: int, grace_s: float) -> None:
        self._serving = threading.Event()
        self._show = prefixed(module, colour)
        super().__init__(
            module,
            [sys.executable, "-m", module],
            output=Lines(self._read),
            env=env,
            cwd=Path.cwd(),
            grace_s=grace_s + STOP_MARGIN_S,
        )

    def _read(self, line: str) -> None:
        self._show(line)
        if says_serving(line):
            self._serving.set()

    def wait_until_serving(self, pause: Callable[[float], None]) -> None:
        """Wait for the log line that says so. Raises StartFailed if the service ends first or takes too long."""
        self.wait_until(self._serving.is_set, SERVING_S, pause)


def says_serving(line: str) -> bool:
    """Whether a line of a service's log is the one that it writes when it takes calls."""
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and entry.get("message") == "serving"
