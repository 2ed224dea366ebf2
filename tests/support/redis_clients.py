"""A client of whatever Redis an address leads to, independent of the system's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from redis.cluster import ClusterNode, RedisCluster

from shared.runtime.redis_address import RedisKind, parse_redis

CLUSTER = "cluster"
EITHER = ("server", pytest.param(CLUSTER, marks=pytest.mark.slow))
"""Parameters of the fixture `redis_url`: one server, and a cluster of three."""


@contextmanager
def redis_client_of(url: str) -> Iterator[Any]:
    """Yield a client of the server or cluster at an address."""
    address = parse_redis(url)
    client: Any
    if address.kind is RedisKind.CLUSTER:
        nodes = [ClusterNode(host, port) for host, port in address.hosts]  # type: ignore[no-untyped-call]
        client = RedisCluster(url=address.url, startup_nodes=nodes)
    else:
        client = redis.Redis.from_url(url)
    try:
        yield client
    finally:
        client.close()


def run_on_either(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses `redis_url` on one server, and in the slow suite on a cluster, too."""
    if "redis_url" in metafunc.fixturenames:
        metafunc.parametrize("redis_url", EITHER, indirect=True)
