"""What is measured of Redis."""

from __future__ import annotations

from shared.cache.redis import Cache
from shared.runtime.telemetry import Telemetry


class CacheTelemetry:
    """Counts how often Redis could answer."""

    def __init__(self, telemetry: Telemetry, cache: Cache) -> None:
        reads = telemetry.counter(
            "cache_reads",
            "Callers' questions about rankings, by whether Redis answered them.",
            labels=("cache", "outcome"),
        )
        self._hit = reads.labels("leaderboards", "hit").inc
        self._miss = reads.labels("leaderboards", "miss").inc
        self._undecodable = telemetry.counter("cache_undecodable", "Answers of Redis that were not written here.")
        telemetry.gauge(
            "cache_away", "1 while Redis is left alone because it did not answer.", lambda: cache.is_unavailable
        )
        self._bytes = telemetry.labelled_gauge("cache_bytes", "Memory that a cache takes in Redis.", labels=("cache",))

    def read(self, *, hit: bool) -> None:
        """A question was asked."""
        if hit:
            self._hit()
        else:
            self._miss()

    def undecodable(self) -> None:
        """An answer made no sense."""
        self._undecodable.inc()

    def takes_bytes(self, size: int) -> None:
        """So much memory rankings take in Redis, when last looked."""
        self._bytes.labels("leaderboards").set(size)
