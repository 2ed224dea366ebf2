"""A bound on something under way."""

from __future__ import annotations

import threading


class Admission:
    """A bound on calls under way. Never waits: whoever does not get in is told so."""

    def __init__(self, slots: int) -> None:
        self._lock = threading.Lock()
        self._slots = slots
        self._in_use = 0

    @property
    def in_use(self) -> int:
        """How many calls are under way."""
        return self._in_use

    def enter(self) -> bool:
        """True: the call is admitted, and `leave` must follow. False: all slots are taken."""
        with self._lock:
            if self._in_use >= self._slots:
                return False
            self._in_use += 1
            return True

    def leave(self) -> None:
        """An admitted call has ended."""
        with self._lock:
            self._in_use -= 1
