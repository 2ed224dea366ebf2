"""Detection, while the process stops, of a server that has fallen silent.

A server may accept everything and send nothing. Then every wait would last until its own deadline, one after the
other, and the process would not have ended when its orchestrator kills it. While a process serves, deadlines suffice.
"""

from __future__ import annotations

import time

SILENT_S = 2.0
"""Seconds without a byte from the server, on any connection, after which a stopping process gives up on it. The probe
asks it every second until all other parts have stopped, so a statement that waits for a lock is no silence."""


RESPONSES_S = 1.0
"""Seconds for the responses of calls that were given up."""


class Silence:
    """The last sign of life that the connections of one pool had from their server."""

    def __init__(self) -> None:
        self.heard_at = 0.0
        """When a connection last received anything, in monotonic seconds. Connections set it."""
        self.detected = False
        """True once the process stops and the server was silent for too long. It stays true."""
        self._stopping_since: float | None = None
        self._silent_s = SILENT_S

    def begin_stop(self, calls_end_s: float) -> None:
        """Detect silence from now on. What was not heard before does not count.

        While calls have time to end, `calls_end_s`, the server has almost as long to be heard again.
        """
        self._silent_s = max(SILENT_S, calls_end_s - RESPONSES_S)
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()

    def must_listen(self, timeout_s: float | None) -> bool:
        """Return whether a wait of this length must listen. Outside a stop short ones end by themselves soon enough."""
        return timeout_s is None or timeout_s > SILENT_S or self._stopping_since is not None

    def detect(self, waiting_since: float) -> bool:
        """Return whether a wait that began at `waiting_since`, in monotonic seconds, is in vain."""
        if self._stopping_since is not None and not self.detected:
            quiet_since = max(self._stopping_since, self.heard_at, waiting_since)
            self.detected = time.monotonic() - quiet_since >= self._silent_s
        return self.detected
