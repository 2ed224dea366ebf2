"""Metrics about Redis, and statistics of its server."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from shared.cache.redis import PROBLEMS, Cache
from shared.runtime.telemetry import Telemetry


def _has_problem(cache: Cache, reason: str) -> float:
    return float(cache.problem == reason)


class CacheTelemetry:
    """Metrics of reads from Redis and of its memory."""

    def __init__(self, telemetry: Telemetry, cache: Cache) -> None:
        seconds = telemetry.database_operations
        cache.took = {
            for_duty: seconds.labels("redis", "duty" if for_duty else "call").observe for for_duty in (True, False)
        }
        reads = telemetry.counter(
            "cache_reads",
            "Reads of rankings for callers, by whether Redis could serve them.",
            labels=("cache", "outcome"),
        )
        self._hit = reads.labels("leaderboards", "hit").inc
        self._miss = reads.labels("leaderboards", "miss").inc
        self._undecodable = telemetry.counter("cache_undecodable", "Redis replies that could not be decoded.")
        telemetry.gauge(
            "cache_away", "1 while Redis is not used because it did not respond.", lambda: cache.is_unavailable
        )
        problems = telemetry.labelled_gauge(
            "cache_problem", "1 while Redis cannot be used, or not for writing, by reason.", labels=("reason",)
        )
        for reason in PROBLEMS:
            problems.labels(reason).set_function(partial(_has_problem, cache, reason))
        self._bytes = telemetry.labelled_gauge("cache_bytes", "Memory used in Redis, in bytes.", labels=("cache",))

    def count_read(self, *, hit: bool) -> None:
        """Count a read for a caller."""
        if hit:
            self._hit()
        else:
            self._miss()

    def count_undecodable(self) -> None:
        """Count a reply that could not be decoded."""
        self._undecodable.inc()

    def set_bytes(self, size: int) -> None:
        """Set the memory that rankings take in Redis, as last measured."""
        self._bytes.labels("leaderboards").set(size)


class CacheReport(NamedTuple):
    """Statistics of the whole server, including other users of it, since its start."""

    hits: int
    """Reads of keys that existed."""
    misses: int
    """Reads of keys that did not exist."""
    evicted: int
    """Keys that were evicted. Rankings that lose keys are rebuilt."""
    used_bytes: int
    limit_bytes: int
    """Memory limit; 0 if there is none."""
    policy: str
    """Eviction policy, such as `allkeys-lru`: decides which keys are evicted when memory runs out."""
    up_s: int
    """Seconds since the server started, of a cluster the newest one."""


def report(cache: Cache) -> CacheReport:
    """Return the statistics, of a cluster the sums of all primaries.

    Raise `CacheUnavailable`, or `CacheRefused` where INFO is not allowed.
    """
    infos = cache.ask(lambda client: [node.info() for node in cache.nodes(client).values()])

    def total(name: str) -> int:
        return sum(int(info[name]) for info in infos)

    return CacheReport(
        hits=total("keyspace_hits"),
        misses=total("keyspace_misses"),
        evicted=total("evicted_keys"),
        used_bytes=total("used_memory"),
        limit_bytes=total("maxmemory"),
        policy=", ".join(sorted({str(info["maxmemory_policy"]) for info in infos})),
        up_s=min(int(info["uptime_in_seconds"]) for info in infos),
    )
