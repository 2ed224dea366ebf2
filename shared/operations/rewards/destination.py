"""Providers as destinations of grants."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.grants import Provider, RetryPolicy
from shared.domain.instant import SECOND, Instant, Microseconds
from shared.postgres.rewards.delivery_queue import Lease
from shared.runtime.process_name import ProcessName

POLL_S = 0.1
"""Poll interval of a dispatcher that has just had something to do."""
IDLE_POLL_S = 0.9
"""Longest poll interval of an idle dispatcher, to which the interval grows: a grant that another process has claimed
waits less than a second. For one of its own process it is woken."""
LEASE_MARGIN: Microseconds = 5 * SECOND
"""Duration of a lease beyond two timeouts of the provider, for the statements and for clock differences."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """A provider, and the bounds of deliveries to it."""

    name: str
    """Name of the provider in grants."""
    provider: Provider
    timeout_s: float
    """Time limit of one call to the provider."""
    concurrency: int
    """Maximum number of concurrent deliveries."""
    policy: RetryPolicy
    owner: ProcessName
    """The leasing process."""
    poll_s: float = POLL_S
    """Poll interval after there was something to do; it doubles with each poll that finds nothing."""
    idle_poll_s: float = IDLE_POLL_S
    """The longest poll interval."""

    @property
    def timeout(self) -> Microseconds:
        """The timeout in microseconds."""
        return int(self.timeout_s * SECOND)

    def lease(self, now: Instant) -> Lease:
        """Return a lease long enough for an attempt that begins soon."""
        return Lease(self.name, str(self.owner), now + 2 * self.timeout + LEASE_MARGIN)
