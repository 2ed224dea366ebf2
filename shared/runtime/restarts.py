"""When a worker that died is started again: at once, later if it keeps dying young, and at last not at all."""

from __future__ import annotations

YOUNG_S = 10.0
"""A worker that dies younger than this has failed to start, whatever the reason."""

FAILURES_MAX = 5
"""So many failed starts in a row, and starting once more will not help."""

FIRST_DELAY_S = 0.1
"""Before the second attempt in a row; doubled each time: 0, 0.1, 0.2, 0.4 s, then the end."""


class Restarts:
    """The restarts of one worker."""

    def __init__(self) -> None:
        self._failures = 0

    def delay_after(self, lived_s: float) -> float | None:
        """How long to wait before the next start, in seconds; None: give up."""
        if lived_s >= YOUNG_S:
            self._failures = 0
            return 0.0
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            return None
        return 0.0 if self._failures == 1 else FIRST_DELAY_S * 2.0 ** (self._failures - 2)
