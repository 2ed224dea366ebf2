"""Seasons: times in which goals and leaderboards exist, such as a winter event that returns every year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from shared.domain.instant import Instant
from shared.domain.spans import FOREVER


class SeasonRun(NamedTuple):
    """One time of a season: the half-open interval [start, end). Its start is permanent, its end may be moved."""

    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class Season:
    """A season. Goals name it by its id, and so they return with each of its runs."""

    id: str
    runs: tuple[SeasonRun, ...]
    """In order of time; they do not overlap."""

    def interval_at(self, instant: Instant) -> tuple[Instant, Instant, bool]:
        """Return the run or the pause [start, end) that contains the instant, and True if it is a run."""
        pause_start = -FOREVER
        for run in self.runs:
            if instant < run.start:
                return pause_start, run.start, False
            if instant < run.end:
                return run.start, run.end, True
            pause_start = run.end
        return pause_start, FOREVER, False
