"""Admission: how many calls are worked on at once.

gRPC's synchronous server puts every call into the unbounded queue of its thread pool. If admitted calls could take all
threads, the others would wait there in silence. So they may take all but a few, and those few always come to the next
call in the queue and tell its caller to come again later. The server's own `maximum_concurrent_rpcs` cannot do this:
it refuses without RetryInfo, and refuses health checks as well.
"""

from __future__ import annotations

import threading

RESERVE_THREADS = 4
"""Threads beyond the admitted calls. Refusing takes some 0.2 ms of CPU and waits for nothing but the interpreter: of
500 calls at once with 4 slots the last is refused after 0.1 to 0.2 s with 1, 4 or 16 of these threads alike (two cores,
caller beside the server). A few more than one, because gRPC lets a thread wait for each request to arrive whole."""


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
