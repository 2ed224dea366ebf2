"""Keeps servers and services together: they start in order, and when one ends or somebody asks, all stop in reverse."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import NoReturn, Protocol, Self, TypeVar

from shared.runtime.signals import STOP_SIGNALS, hold_stop_signals, wait_for_stop_signal

WATCH_S = 0.2
"""How soon a part that ended is noticed."""


class StopRequested(Exception):
    """Somebody sent SIGINT or SIGTERM."""


class PartEnded(Exception):
    """A part ended although nobody asked it to. The message names it and ends with its last lines."""


class Part(Protocol):
    """An embedded server or a child."""

    @property
    def name(self) -> str: ...

    @property
    def is_running(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def tail(self) -> str: ...


P = TypeVar("P", bound=Part)


class Supervisor:
    """Holds parts for the length of a `with` block, which must be entered in the main thread before others start.

    Signals are held back and looked for in `pause`, so nothing is ever interrupted half way. On the way out the parts
    are stopped in order; a signal that comes then kills them.
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
        """Wait until a part has done its work, and watch it no more."""
        self._parts.remove(part)
        try:
            while part.is_running:
                self.pause(WATCH_S)
        finally:
            part.stop()

    def pause(self, seconds: float) -> None:
        """Wait. Raises StopRequested or PartEnded when it is time to stop."""
        time.sleep(seconds)
        if signal.sigpending() & STOP_SIGNALS:
            wait_for_stop_signal()
            print("stopping; a second signal kills", flush=True)
            raise StopRequested
        for part in self._parts:
            if not part.is_running:
                raise PartEnded(f"{part.name} ended; its last lines:\n{part.tail() or '(none)'}")

    def watch(self) -> NoReturn:
        """Wait for the end: StopRequested or PartEnded."""
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
