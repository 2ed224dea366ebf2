"""Comparison of a process's clock with the clock of the database, by readings of both at one moment."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from shared.domain.instant import MICROSECOND, SECOND, Instant, Microseconds

DIFFERENCE_MAX: Microseconds = 5 * SECOND
"""Difference of two clocks that agree. Clocks kept by NTP differ by milliseconds."""
ERROR_MAX: Microseconds = SECOND // 2
"""Error of a reading that still tells something: half the round trip to the database."""
READINGS_MIN = 3
"""Readings in a row that show a difference before the process is unhealthy: one of them may be a hiccup."""


class Reading(NamedTuple):
    """The time of three clocks at one moment, in microseconds."""

    process: Instant
    """The wall clock of the process."""
    monotonic: Instant
    """The monotonic clock of the process, which cannot be set."""
    database: Instant
    error: Microseconds
    """Half the round trip: the clock of the database was read at most this much earlier or later."""

    @property
    def difference(self) -> Microseconds:
        """The lead of the database's clock over the process's."""
        return self.database - self.process

    @property
    def agrees(self) -> bool:
        """True if the clocks may differ by no more than `DIFFERENCE_MAX`."""
        return abs(self.difference) - self.error <= DIFFERENCE_MAX


class Agreement(Enum):
    """The result of the comparison."""

    UNKNOWN = auto()
    """There is no reading yet."""
    AGREED = auto()
    DIFFERENT = auto()
    """The latest reading shows a difference; it may be a hiccup."""
    PROCESS_WRONG = auto()
    """The clocks have differed for a while, and nothing says that it is the database's fault."""
    DATABASE_STEPPED = auto()
    """They have differed since the database's clock stepped, as after the promotion of a server with another clock."""


class ClockComparison:
    """The clocks of a process and its database, as compared so far."""

    def __init__(self) -> None:
        self.latest: Reading | None = None
        """The latest usable reading."""
        self._agreed: Reading | None = None
        self._differing = 0

    def add(self, reading: Reading) -> None:
        """Take a reading into account. One with too great an error changes nothing."""
        if reading.error > ERROR_MAX:
            return
        self.latest = reading
        if reading.agrees:
            self._agreed = reading
            self._differing = 0
        else:
            self._differing += 1

    @property
    def agreement(self) -> Agreement:
        """The result of the comparison so far, and which clock is at fault."""
        if self.latest is None:
            return Agreement.UNKNOWN
        if not self._differing:
            return Agreement.AGREED
        if self._differing < READINGS_MIN:
            return Agreement.DIFFERENT
        return Agreement.DATABASE_STEPPED if self._database_stepped() else Agreement.PROCESS_WRONG

    def _database_stepped(self) -> bool:
        """Return whether the database's clock has stepped further than the process's since they last agreed."""
        if self._agreed is None or self.latest is None:
            return False
        elapsed = self.latest.monotonic - self._agreed.monotonic
        database_step = self.latest.database - self._agreed.database - elapsed
        process_step = self.latest.process - self._agreed.process - elapsed
        return abs(database_step) > abs(process_step)


class Now(NamedTuple):
    """The present by the clocks of the process and of the database: equal unless they differ."""

    earliest: Instant
    latest: Instant
    confirmed: bool = True
    """False before the clock of the database was read: then both are the process's."""

    @classmethod
    def at(cls, instant: Instant) -> Now:
        """Return the present where all clocks show the same."""
        return cls(instant, instant)


def now_by_both(process: Instant, monotonic: Instant, latest: Reading | None) -> Now:
    """Return the present, given the time of the process's clocks and the latest reading.

    The database's time is reckoned from the reading by the monotonic clock, so a process's clock that is set since then
    shows as a difference at once.
    """
    if latest is None:
        return Now(process, process, confirmed=False)
    database = latest.database + monotonic - latest.monotonic
    error = max(latest.error, MICROSECOND)
    if abs(database - process) <= error:
        return Now.at(process)
    return Now(min(process, database - error), max(process, database + error))
