"""Limits of callers: how much of each kind a caller may do in a second.

Each caller has buckets of its own, so one that floods spends only its own share. A bucket holds a second's worth. A
batch that is larger than what the bucket holds is accepted and leaves a debt; nothing more is accepted until that is
paid.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple


class Limit(IntEnum):
    """A kind of work that is limited; the position of its rate in `CallerLimits`."""

    CALLS = 0
    EVENTS = 1
    NEW_PLAYERS = 2
    STREAMS = 3

    @property
    def setting(self) -> str:
        """The name that operators write and callers read."""
        return f"{self.name.lower()}_per_s"


class CallerLimits(NamedTuple):
    """Rates of a caller, each in a second; infinite: no limit."""

    calls: float = math.inf
    events: float = math.inf
    new_players: float = math.inf
    streams: float = math.inf
    """Streams that are opened."""


NO_LIMITS = CallerLimits()


class Bucket:
    """The share of one kind of work that is left to a caller."""

    __slots__ = ("_at", "_level")

    def __init__(self, rate: float, now: float) -> None:
        """Begin with a full bucket; `now` is in monotonic seconds, here as below."""
        self._level = capacity(rate)
        self._at = now

    def take(self, amount: float, rate: float, now: float) -> float:
        """Take an amount, even if that leaves a debt, and return 0. If less than 1 is left, return the time to wait."""
        level, full = self._level, max(1.0, rate)
        if now > self._at:
            level += (now - self._at) * rate
            self._at = now
        if level > full:
            level = full
        if level < 1.0:
            self._level = level
            return max(WAIT_MIN_S, (1.0 - level) / rate)
        self._level = level - amount
        return 0.0

    def owe(self, amount: float) -> None:
        """Take an amount, whatever is left."""
        self._level -= amount


WAIT_MIN_S = 0.001
"""Least delay in seconds that `RetryInfo` has for a caller."""


def capacity(rate: float) -> float:
    """Return what a full bucket holds: a second's worth, at least one."""
    return max(1.0, rate)
