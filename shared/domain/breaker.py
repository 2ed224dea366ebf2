"""A circuit breaker: after consecutive failures deliveries to a provider pause, then resume one at a time."""

from __future__ import annotations

from shared.domain.instant import SECOND, Instant, Microseconds

FAILURES_MAX = 5
"""Consecutive failures that open the breaker. Single failures are normal; each costs a grant one of its attempts."""
FIRST_PAUSE: Microseconds = SECOND
LONGEST_PAUSE: Microseconds = 30 * SECOND
"""Upper bound of the delay between a provider's recovery and the first delivery to it."""


class Breaker:
    """A counter of consecutive failures. Not thread-safe."""

    def __init__(self) -> None:
        self._failures = 0
        self._first_failure: Instant = 0
        self._retry_time: Instant = 0

    @property
    def is_open(self) -> bool:
        """True if the provider is considered unavailable."""
        return self._failures >= FAILURES_MAX

    def outage(self, now: Instant) -> Microseconds:
        """Return how long every delivery has failed, in microseconds; 0 while the breaker is closed."""
        return now - self._first_failure if self.is_open else 0

    def admits(self, under_way: int, wanted: int, now: Instant) -> int:
        """Return how many of the `wanted` deliveries may begin while `under_way` others are running."""
        if not self.is_open:
            return wanted
        return 1 if wanted and not under_way and now >= self._retry_time else 0

    def succeeded(self) -> None:
        """Record that the provider replied; a refusal is a reply."""
        self._failures = 0

    def failed(self, now: Instant) -> None:
        """Record that the provider did not reply or failed."""
        if self.is_open and now < self._retry_time:
            # Deliveries that began before the breaker opened count as part of the failure that opened it.
            return
        if not self._failures:
            self._first_failure = now
        self._failures += 1
        if self.is_open:
            pause = FIRST_PAUSE << min(self._failures - FAILURES_MAX, 40)
            self._retry_time = now + min(pause, LONGEST_PAUSE)
