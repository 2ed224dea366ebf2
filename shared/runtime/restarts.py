"""The delay before a worker that died is started again: none, longer if it keeps dying young, at last no restart."""

from __future__ import annotations

YOUNG_S = 10.0
"""Age in seconds below which a worker that dies has failed to start, whatever the reason."""

FAILURES_MAX = 5
"""Failed starts in a row after which the worker is given up."""

FIRST_DELAY_S = 0.1
"""Delay in seconds before the second attempt in a row. Doubled each time: 0, 0.1, 0.2, 0.4 s, then no restart."""


class Restarts:
    """The restarts of one worker."""

    def __init__(self) -> None:
        self._failures = 0

    def delay_after(self, lived_s: float) -> float | None:
        """Return the seconds to wait before the next start; None to give up."""
        if lived_s >= YOUNG_S:
            self._failures = 0
            return 0.0
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            return None
        return 0.0 if self._failures == 1 else FIRST_DELAY_S * 2.0 ** (self._failures - 2)
