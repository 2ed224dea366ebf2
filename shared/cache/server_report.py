"""How Redis is doing, as it counts itself."""

from __future__ import annotations

from typing import NamedTuple

from shared.cache.redis import Cache


class CacheReport(NamedTuple):
    """The whole server, whoever uses it, since it was started."""

    hits: int
    misses: int
    """Keys that were asked for and not there."""
    evicted: int
    """Keys that were dropped for want of memory; rankings that lose something are built again."""
    used_bytes: int
    limit_bytes: int
    """0: none."""
    policy: str
    """Which keys are dropped for want of memory."""
    up_s: int


def report(cache: Cache) -> CacheReport:
    """What the server says of itself. Raises `CacheUnavailable`, and `CacheRefused` where it may not be asked."""
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
