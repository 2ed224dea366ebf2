"""The connection to Redis or Valkey. Everything in it is also in Postgres, so no call waits for it long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_T = TypeVar("_T")

TIMEOUT_S = 0.1
"""Timeout in seconds of connecting and of each reply: far above what a healthy Redis takes."""
FAILURES_MAX = 2
"""Consecutive failures until Redis is no longer used. A single one may be a connection that broke while idle."""


class CacheUnavailable(Exception):
    """Redis does not answer, or is not asked because it did not answer before."""


class CacheRefused(Exception):
    """Redis replied with an error, because of its state or of a value of another type under our key."""


class Cache:
    """A pool of connections to one Redis, behind a circuit breaker.

    After `FAILURES_MAX` consecutive failures Redis is not asked until a probe succeeds, so that callers do not wait
    for a dead server.
    """

    def __init__(self, url: str, *, connections_max: int) -> None:
        """Create the pool for a redis:// URL without connecting."""
        self._lock = threading.Lock()
        self._failures = 0
        self._run_id: str | None = None
        # By default redis-py retries for up to a minute.
        self._redis: redis.Redis = redis.Redis.from_url(
            url,
            max_connections=connections_max,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            redis_connect_func=self._connected,
        )

    @property
    def is_unavailable(self) -> bool:
        """True if the circuit breaker is open."""
        return self._failures >= FAILURES_MAX

    @property
    def run_id(self) -> str | None:
        """Run id of the server that the newest connection reached; None before the first connection.

        It changes with each start of a server.
        """
        return self._run_id

    def ask(self, question: Callable[[redis.Redis], _T]) -> _T:
        """Return what `question` returns. Raise `CacheUnavailable` or `CacheRefused`."""
        if self.is_unavailable:
            raise CacheUnavailable
        return self._ask(question)

    def probe(self) -> str | None:
        """Return why Redis cannot be used; None if it can, and close the circuit breaker."""
        try:
            self._ask(lambda client: client.ping())
        except (CacheUnavailable, CacheRefused) as error:
            return f"Redis does not answer: {type(error.__cause__ or error).__name__}"
        return None

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()

    def _ask(self, question: Callable[[redis.Redis], _T]) -> _T:
        """Ask Redis, and count the outcome for the decision whether it is available."""
        try:
            answer = question(self._redis)
        except redis.ResponseError as error:
            self._succeeded()
            raise CacheRefused(str(error)) from error
        except (redis.RedisError, OSError) as error:
            with self._lock:
                self._failures += 1
            raise CacheUnavailable from error
        self._succeeded()
        return answer

    def _succeeded(self) -> None:
        if self._failures:
            with self._lock:
                self._failures = 0

    def _connected(self, connection: Any) -> None:
        """Set up a new connection and store the run id of its server."""
        connection.on_connect()
        connection.send_command("INFO", "server")
        lines = connection.read_response().decode().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        self._run_id = fields["run_id"]
