"""Runs servers and services together: they start in order, and on a signal or when one ends all stop in reverse."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import NoReturn, Self, TypeAlias, TypeVar

from devstack.process import Child
from devstack.server import EmbeddedServer
from shared.runtime.signals import STOP_SIGNALS, hold_stop_signals, wait_for_stop_signal

WATCH_S = 0.2
"""Interval in seconds at which parts are checked."""


class StopRequested(Exception):
    """SIGINT or SIGTERM was received."""


class PartEnded(Exception):
    """A part ended unexpectedly. The message names it and ends with its last lines."""


Part: TypeAlias = EmbeddedServer | Child
P = TypeVar("P", bound=Part)


class Supervisor:
    """Holds parts for the length of a `with` block, which must be entered in the main thread before others start.

    Signals are blocked and polled in `pause`, so nothing is interrupted half way. At the end of the block the parts are
    stopped in reverse order; a second signal kills them.
    """

    def __init__(self) -> None:
        self._parts: list[Part] = []

    def __enter__(self) -> Self:
        hold_stop_signals()
        return self

    def start(self, part: P) -> P:
        """Start a part and watch it from now on."""
        self._parts.append(part)
        part.start()
        return part

    def finish(self, part: Part) -> None:
        """Wait until a part has finished its work, and stop watching it."""
        self._parts.remove(part)
        try:
            while part.is_running:
                self.pause(WATCH_S)
        finally:
            part.stop()

    def pause(self, seconds: float) -> None:
        """Wait. Raise StopRequested or PartEnded when it is time to stop."""
        time.sleep(seconds)
        if signal.sigpending() & STOP_SIGNALS:
            wait_for_stop_signal()
            print("stopping; a second signal kills", flush=True)
            raise StopRequested
        for part in self._parts:
            if not part.is_running:
                raise PartEnded(f"{part.name} ended; its last lines:\n{part.tail() or '(none)'}")

    def watch(self) -> NoReturn:
        """Wait until StopRequested or PartEnded is raised."""
        while True:
            self.pause(WATCH_S)

    def __exit__(self, *_: object) -> None:
        threading.Thread(target=self._kill_on_signal, name="kill", daemon=True).start()
        for part in reversed(self._parts):
            part.stop()

    def _kill_on_signal(self) -> None:
        wait_for_stop_signal()
        for part in reversed(self._parts):
            part.kill()
        os._exit(1)
