"""A bound on concurrent work."""

from __future__ import annotations

import threading


class Admission:
    """A bound on calls in progress. It never blocks: a call beyond the bound is refused."""

    def __init__(self, slots: int) -> None:
        self._lock = threading.Lock()
        self._slots = slots
        self._in_use = 0

    @property
    def in_use(self) -> int:
        """The number of calls in progress."""
        return self._in_use

    def enter(self) -> bool:
        """Return True if the call is admitted, and `leave` must follow; False if all slots are taken."""
        with self._lock:
            if self._in_use >= self._slots:
                return False
            self._in_use += 1
            return True

    def leave(self) -> None:
        """Release the slot of an admitted call."""
        with self._lock:
            self._in_use -= 1
