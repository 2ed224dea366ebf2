"""The size of steps of duties: as large as the database can process within their time limit."""

from __future__ import annotations

HALVINGS_MAX = 12
"""Then a step is of one player, or nearly so."""
GROWN_BELOW = 0.25
"""Share of its time limit below which a step may be twice as large."""


class StepSize:
    """The size of the steps of a duty. One that exceeds its time limit is repeated with half of the size.

    How long a step takes depends on the number of leaderboards over a stat, and on the disk: five thousand players on a
    dozen of them take seconds where all is in memory. A step of one size would fail again and again.
    """

    def __init__(self) -> None:
        self._halvings = 0

    def of(self, most: int) -> int:
        """Return the size of a step, at most `most`, at least 1."""
        return max(1, most >> self._halvings)

    @property
    def is_greatest(self) -> bool:
        """True while steps have their full size."""
        return self._halvings == 0

    def exceeded(self) -> None:
        """Note that a step has exceeded its time limit."""
        self._halvings = min(self._halvings + 1, HALVINGS_MAX)

    def took(self, seconds: float, limit_s: float) -> None:
        """Note how long a step took that has a time limit."""
        if seconds < GROWN_BELOW * limit_s:
            self._halvings = max(0, self._halvings - 1)
