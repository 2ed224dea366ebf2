"""The connections to Redis by redis-py, and the meaning of its errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.retry import Retry

from shared.cache.deadline_socket import bounded, connection_class
from shared.cache.errors import CacheRefused, CacheUnavailable

_T = TypeVar("_T")


class _DatabaseRefused(redis.ResponseError):
    """The server does not have the database that the address names."""


class RedisClient:
    """A pool of connections to one Redis."""

    def __init__(self, url: str, *, connections_max: int, connect_timeout_s: float, timeout_s: float) -> None:
        """Create the pool for a redis:// URL without connecting."""
        self.run_id: str | None = None
        """Run id of the server that the newest connection reached; None before the first connection."""
        # By default redis-py retries for up to a minute.
        self._redis: redis.Redis = redis.Redis.from_url(
            url,
            max_connections=connections_max,
            socket_timeout=timeout_s,
            socket_connect_timeout=connect_timeout_s,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            redis_connect_func=self._connected,
            connection_class=connection_class(url),
        )

    def ask(self, question: Callable[[redis.Redis], _T], timeout_s: float) -> _T:
        """Return what `question` returns, within the time limit. Raise `CacheUnavailable` or `CacheRefused`."""
        try:
            with bounded(time.monotonic() + timeout_s):
                return question(self._redis)
        except _DatabaseRefused as error:
            raise CacheUnavailable from error
        except redis.ResponseError as error:
            raise CacheRefused(str(error)) from error
        except (redis.RedisError, OSError) as error:
            raise CacheUnavailable from error

    @staticmethod
    def problem_of(error: CacheUnavailable | CacheRefused) -> tuple[str, str]:
        """Return the problem that the error of a probe stands for, and the same for people."""
        cause = error.__cause__
        if isinstance(cause, _DatabaseRefused):
            return "misconfigured", str(cause)
        if isinstance(error, CacheUnavailable):
            return "unavailable", f"Redis does not respond: {type(cause or error).__name__}"
        if isinstance(cause, OutOfMemoryError):
            return "full", "Redis is full and evicts nothing: rankings cannot be stored in it"
        if isinstance(cause, ReadOnlyError):
            return "read_only", "Redis is a read-only replica: rankings cannot be stored in it"
        return "refused", f"Redis refuses writes: {error}"

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()

    def _connected(self, connection: Any) -> None:
        """Set up a new connection and store the run id of its server."""
        number, connection.db = connection.db, 0
        try:
            connection.on_connect()
            if number:
                _select(connection, number)
        finally:
            connection.db = number
        connection.send_command("INFO", "server")
        lines = connection.read_response().decode().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        self.run_id = fields["run_id"]


def _select(connection: Any, number: int) -> None:
    connection.send_command("SELECT", number)
    try:
        connection.read_response()
    except redis.ResponseError as error:
        raise _DatabaseRefused(f"Redis refuses the database {number} that REDIS_URL names: {error}") from error
