"""Streaks: runs of consecutive days with an event, and the days without one that do not end them.

Only the days are stored, and they are a set, so the order in which events arrive does not matter. Streaks are computed
from them by the rule of the current catalogue, so another rule holds for all days that were ever counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from shared.domain.instant import Day


class Stretch(NamedTuple):
    """A maximal run of consecutive days in a set of days: two of them are never adjacent."""

    start: Day
    end: Day
    """The day after its last day."""


class StreakRule(NamedTuple):
    """The days without an event that do not end a streak. They do not count either."""

    bridge_days: int = 0
    """Maximum number of days without an event between two with one."""
    outages: tuple[Day, ...] = ()
    """Days that are not missed if they have no event, in ascending order."""

    def is_bridged(self, end: Day, start: Day) -> bool:
        """Return True if the days from `end` until `start`, all of them without an event, do not end a streak."""
        missed = start - end
        if self.outages and missed > self.bridge_days:
            missed -= bisect_left(self.outages, start) - bisect_left(self.outages, end)
        return missed <= self.bridge_days


class Streak(NamedTuple):
    """Numbers of days with an event in streaks."""

    longest: int = 0
    """Length of the longest streak. Further days, outages and bridged days only make it longer."""
    current: int = 0
    """Length of the streak that today continues or can still continue; 0 if there is none."""


NO_STREAK = Streak()


def streak_of(stretches: Iterable[Stretch], rule: StreakRule, today: Day) -> Streak:
    """Return the streaks in a set of days, in ascending order. A day is missed once it is over without an event."""
    runs = list(_runs(stretches, rule))
    if not runs:
        return NO_STREAK
    last, end = runs[-1]
    return Streak(max(length for length, _ in runs), last if rule.is_bridged(end, today) else 0)


def longest_streak(stretches: Iterable[Stretch], rule: StreakRule) -> int:
    """Return the number of days with an event in the longest streak of a set of days, in ascending order."""
    return max((length for length, _ in _runs(stretches, rule)), default=0)


def _runs(stretches: Iterable[Stretch], rule: StreakRule) -> Iterator[tuple[int, Day]]:
    """Yield for each stretch the length until its end of the streak that it is part of, and its end."""
    length, last_end = 0, None
    for start, end in stretches:
        joined = last_end is not None and rule.is_bridged(last_end, start)
        length = end - start + (length if joined else 0)
        last_end = end
        yield length, end


def with_days(stretches: Sequence[Stretch], days: Iterable[Day]) -> list[Stretch]:
    """Return the stretches of a set of days with these days added."""
    found: list[Stretch] = []
    for start, end in sorted([*stretches, *(Stretch(day, day + 1) for day in days)]):
        if found and start <= found[-1].end:
            found[-1] = Stretch(found[-1].start, max(found[-1].end, end))
        else:
            found.append(Stretch(start, end))
    return found
