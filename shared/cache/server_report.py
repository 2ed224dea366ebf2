"""Statistics of the Redis server."""

from __future__ import annotations

from typing import NamedTuple

from shared.cache.redis import Cache


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
    """Seconds since the server started."""


def report(cache: Cache) -> CacheReport:
    """Return the server's statistics. Raise `CacheUnavailable`, or `CacheRefused` where INFO is not allowed."""
    info = cache.ask(lambda client: client.info())
    return CacheReport(
        hits=int(info["keyspace_hits"]),
        misses=int(info["keyspace_misses"]),
        evicted=int(info["evicted_keys"]),
        used_bytes=int(info["used_memory"]),
        limit_bytes=int(info["maxmemory"]),
        policy=str(info["maxmemory_policy"]),
        up_s=int(info["uptime_in_seconds"]),
    )
