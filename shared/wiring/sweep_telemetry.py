"""Metrics of duties over all players: how far they came, and when they last had nothing left to do."""

from __future__ import annotations

from typing import Protocol

from shared.domain.instant import SECOND
from shared.postgres.player_sweeps import Sweep
from shared.runtime.service import Process


class Sweeping(Protocol):
    """The part of a duty in one process that knows how far the duty came in all of them."""

    @property
    def seen(self) -> Sweep | None:
        """The progress as of the last look; None if no process has begun yet."""


def show_sweep(process: Process, duty: str, sweep: Sweeping) -> None:
    """Export the progress of a duty, which all processes share.

    A duty that has never finished counts as finished when this process started, so that it is missed after a while.
    """
    started = process.clock()

    def unfinished_s() -> float:
        seen = sweep.seen
        finished = started if seen is None or seen.finish_time is None else seen.finish_time
        return max(0, process.clock() - finished) / SECOND

    def visited() -> float:
        seen = sweep.seen
        return 0 if seen is None or seen.bookmark is None else seen.visited

    def players() -> float:
        seen = sweep.seen
        return 0 if seen is None else seen.last_visited or 0

    process.duties.show_sweep(duty, unfinished_s, visited, players)
