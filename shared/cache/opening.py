"""The client that an address needs. redis-py is loaded with it: it takes 14 MiB and a fifth of a service's start."""

from __future__ import annotations

from shared.cache.redis_client import RedisClient
from shared.runtime.redis_address import RedisKind, parse_redis


def open_client(url: str, *, connections_max: int, connect_timeout_s: float, timeout_s: float) -> RedisClient:
    """Return a client of the server, the cluster or the Sentinels at an address, without connecting."""
    address = parse_redis(url)
    limits = {"connect_timeout_s": connect_timeout_s, "timeout_s": timeout_s}
    if address.kind is RedisKind.CLUSTER:
        from shared.cache.redis_cluster import ClusterClient

        return ClusterClient(address, connections_max=connections_max, **limits)
    if address.kind is RedisKind.SENTINEL:
        from shared.cache.redis_sentinel import SentinelClient

        return SentinelClient(address, connections_max=connections_max, **limits)
    return RedisClient(address.url, connections_max=connections_max, **limits)
