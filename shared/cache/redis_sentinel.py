"""The connections to the primary that Sentinels name, by redis-py. After a failover they lead to the new one."""

from __future__ import annotations

from typing import Any

import redis
from redis.connection import parse_url
from redis.sentinel import Sentinel

from shared.cache.deadline_socket import connection_class, sentinel_connection_class
from shared.cache.redis_client import ONE_SERVER_OPTIONS, RedisClient
from shared.runtime.redis_address import RedisAddress


class SentinelClient(RedisClient):
    """A pool of connections to the primary of a service."""

    def __init__(
        self, address: RedisAddress, *, connections_max: int, connect_timeout_s: float, timeout_s: float
    ) -> None:
        """Create the pool without connecting."""
        self._address = address
        self._sentinels: list[redis.Redis] = []
        super().__init__(
            address.url, connections_max=connections_max, connect_timeout_s=connect_timeout_s, timeout_s=timeout_s
        )

    def _open(self, url: str) -> Any:
        theirs: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
        for name in ("host", "port", "connection_class"):
            theirs.pop(name, None)
        user, password = self._address.sentinel_credentials
        of_sentinels = {
            **{name: value for name, value in theirs.items() if name.startswith("ssl_")},
            "username": user or None,
            "password": password or None,
            "socket_timeout": self._options["socket_timeout"],
            "socket_connect_timeout": self._options["socket_connect_timeout"],
            "connection_class": connection_class(url),
            **ONE_SERVER_OPTIONS,
        }
        self._sentinels = [
            redis.Redis(connection_pool=redis.ConnectionPool(host=host, port=port, **of_sentinels))
            for host, port in self._address.hosts
        ]
        manager = Sentinel([])  # type: ignore[no-untyped-call]
        # Given addresses it would make clients without our time limits.
        manager.sentinels = self._sentinels
        return manager.master_for(  # type: ignore[no-untyped-call]
            self._address.service,
            connection_class=sentinel_connection_class(url),
            **{**theirs, **self._options, **ONE_SERVER_OPTIONS},
        )

    def close(self) -> None:
        """Close all connections."""
        super().close()
        for sentinel in self._sentinels:
            sentinel.close()
