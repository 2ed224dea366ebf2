"""Work on all players, range by range, at a bounded rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

REST_FACTOR = 4
"""Rest after each range, at least as a multiple of its duration, in which calls have the core to themselves."""
REST_MAX_S = 5.0
"""A transaction that is idle for much longer would be ended by the server."""


class Visited(NamedTuple):
    """The result of one step."""

    last: str | None
    """The last player that was visited; None if no players are left."""
    rows: int
    """Number of rows changed."""


class PlayerRanges:
    """Visits players in the order of their ids. A pass that is stopped is resumed there."""

    def __init__(self, rest: Callable[[float], bool]) -> None:
        """`rest` waits for the given number of seconds, and returns True if it is time to stop."""
        self._rest = rest
        self._after = ""

    def one_pass(
        self, may_go_on: Callable[[], bool], step: Callable[[str], Visited], step_s: float
    ) -> tuple[int, bool]:
        """Call `step` with the last player before its range until none are left.

        Each step takes at least `step_s` seconds, with its rest. Return the number of rows changed, and whether all
        players were visited.
        """
        rows = 0
        while may_go_on():
            started = time.monotonic()
            visited = step(self._after)
            rows += visited.rows
            self._after = visited.last or ""
            took_s = time.monotonic() - started
            if visited.last is None:
                return rows, True
            if self._rest(min(max(REST_FACTOR * took_s, step_s - took_s), REST_MAX_S)):
                break
        return rows, False
