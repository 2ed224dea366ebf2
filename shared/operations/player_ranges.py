"""Work on all players in ranges of their ids, at a bounded rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

REST_FACTOR = 4
"""Minimum rest after each range, as a multiple of the time it took. Meanwhile calls have the core to themselves."""
REST_MAX_S = 5.0
"""Maximum rest in seconds after each range. A transaction that is idle for much longer would be ended by the server."""


class Visited(NamedTuple):
    """The result of one step."""

    last: str | None
    """The last player that was visited; None if no players are left."""
    rows: int
    """Number of rows changed."""


class PlayerRanges:
    """Visits players in the order of their ids. A pass that was interrupted is resumed by the next one."""

    def __init__(self, rest: Callable[[float], bool]) -> None:
        """`rest` waits for the given number of seconds, and returns True if it is time to stop."""
        self._rest = rest
        self._after = ""

    @property
    def under_way(self) -> bool:
        """True if a pass was interrupted, so that the next one begins after its last player."""
        return bool(self._after)

    def one_pass(
        self, may_go_on: Callable[[], bool], step: Callable[[str], Visited], step_s: float
    ) -> tuple[int, bool]:
        """Call `step` for one range after the other, from where the last pass was interrupted to the last player.

        `step` visits a range of players; its argument is the id before the first of them. A step and the rest after it
        take at least `step_s` seconds together, unless the rest would exceed `REST_MAX_S`. The pass is interrupted
        when `may_go_on` returns False or it is time to stop. Return the number of rows changed, and whether the last
        player was reached.
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
