"""A circuit breaker: after several failures in a row a provider is left alone, then tried with one delivery at once."""

from __future__ import annotations

from shared.domain.instant import SECOND, Instant

FAILURES_MAX = 5
"""In a row. Single failures are normal; each costs a grant one of its attempts."""
FIRST_PAUSE: Instant = SECOND
LONGEST_PAUSE: Instant = 30 * SECOND
"""So long, at worst, deliveries begin after the provider is back."""


class Breaker:
    """Counts failures in a row. Belongs to one thread."""

    def __init__(self) -> None:
        self._failures = 0
        self._first_failure: Instant = 0
        self._retry_time: Instant = 0

    @property
    def is_open(self) -> bool:
        """Whether the provider is thought to be away."""
        return self._failures >= FAILURES_MAX

    def outage(self, now: Instant) -> Instant:
        """For how long nothing but failures came, in microseconds; 0 unless the provider is thought to be away."""
        return now - self._first_failure if self.is_open else 0

    def admits(self, under_way: int, wanted: int, now: Instant) -> int:
        """How many of `wanted` deliveries may begin while others are `under_way`."""
        if not self.is_open:
            return wanted
        return 1 if wanted and not under_way and now >= self._retry_time else 0

    def succeeded(self) -> None:
        """The provider answered, be it with a refusal."""
        self._failures = 0

    def failed(self, now: Instant) -> None:
        """The provider did not answer, or could not do it."""
        if self.is_open and now < self._retry_time:
            # Begun before the breaker opened: they are one failure with those that opened it.
            return
        if not self._failures:
            self._first_failure = now
        self._failures += 1
        if self.is_open:
            pause = FIRST_PAUSE << min(self._failures - FAILURES_MAX, 40)
            self._retry_time = now + min(pause, LONGEST_PAUSE)
