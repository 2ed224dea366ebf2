"""The clocks of a process and of its database: compared by the database probe, read by whatever decides by the time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from shared.domain.clock_comparison import Agreement, ClockComparison, Now, Reading, now_by_both
from shared.domain.instant import SECOND, Instant
from shared.runtime.clock import Clock, system_clock

log = logging.getLogger(__name__)


COMPARISON_WAIT_S = 1.0
"""Longest wait of a duty's pass for the first comparison, which takes milliseconds after a start."""


def monotonic_clock() -> Instant:
    """Return the monotonic clock in microseconds."""
    return time.monotonic_ns() // 1_000


class Clocks:
    """The present time by both clocks. Readings are taken by one thread, and used by all."""

    def __init__(self, process: Clock = system_clock, monotonic: Clock = monotonic_clock) -> None:
        self.process = process
        self._monotonic = monotonic
        self._comparison = ClockComparison()
        self._compared = threading.Event()

    def read(self, read_database: Callable[[], Instant]) -> None:
        """Compare the clocks. `read_database` asks the database for its time, in one round trip."""
        started = self._monotonic()
        database = read_database()
        ended = self._monotonic()
        error = (ended - started) // 2
        before = self._comparison.agreement
        # The wall clock is read once and reckoned back: it may be set between two readings.
        self._comparison.add(Reading(self.process() - error, ended - error, database, error))
        after = self._comparison.agreement
        if self._comparison.latest is not None:
            self._compared.set()
        if after is not before and after in (Agreement.PROCESS_WRONG, Agreement.DATABASE_STEPPED):
            log.error("clocks differ", extra={"difference_s": self.difference_s, "cause": after.name.lower()})
        elif before in (Agreement.PROCESS_WRONG, Agreement.DATABASE_STEPPED) and after is Agreement.AGREED:
            log.info("clocks agree again")

    def now(self) -> Now:
        """Return the present by both clocks."""
        return now_by_both(self.process(), self._monotonic(), self._comparison.latest)

    def earliest(self) -> Instant:
        """Return the present by the clock that is behind."""
        return self.now().earliest

    def database(self) -> Instant:
        """Return the time of the database's clock, which all processes share; the process's before it was read."""
        latest = self._comparison.latest
        if latest is None:
            return self.process()
        return latest.database + self._monotonic() - latest.monotonic

    def wait_until_compared(self, timeout_s: float = COMPARISON_WAIT_S) -> bool:
        """Wait until the clock of the database was read for the first time; return False if that takes longer."""
        return self._compared.wait(timeout_s)

    @property
    def agreed(self) -> bool:
        """True if the clocks agree: what cannot be undone is done only then."""
        return self._comparison.agreement is Agreement.AGREED

    @property
    def database_stepped(self) -> bool:
        """True while the clocks differ because the database's clock stepped."""
        return self._comparison.agreement is Agreement.DATABASE_STEPPED

    @property
    def difference_s(self) -> float:
        """The lead of the database's clock over the process's, in seconds."""
        latest = self._comparison.latest
        return 0.0 if latest is None else latest.difference / SECOND

    def problem(self) -> str | None:
        """Return why the process cannot be trusted with the time; None if it can."""
        if self._comparison.agreement is not Agreement.PROCESS_WRONG:
            return None
        side = "behind" if self.difference_s > 0 else "ahead of"
        return f"the clock of this process is {abs(self.difference_s):.1f} s {side} the database's: check NTP on both"
