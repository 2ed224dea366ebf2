"""The connection to Redis or Valkey: a hint beside Postgres, so it is never waited for long."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 0.1
"""For connecting and for each answer: what a dead Redis may cost a call, and far above what a living one takes."""


class Cache:
    """A pool of connections to one Redis."""

    def __init__(self, url: str, *, connections_max: int) -> None:
        """`url` is a redis:// URL. Nothing is connected yet."""
        # redis-py retries by itself for up to a minute unless told otherwise.
        self._redis: redis.Redis = redis.Redis.from_url(
            url,
            max_connections=connections_max,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )

    def probe(self) -> str | None:
        """Why Redis cannot be used; None if it can."""
        try:
            self._redis.ping()
        except redis.RedisError as error:
            return f"Redis does not answer: {type(error).__name__}"
        return None

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()
