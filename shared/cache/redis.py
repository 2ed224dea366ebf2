"""The connection to Redis or Valkey: a hint beside Postgres, so it is never waited for long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_T = TypeVar("_T")

TIMEOUT_S = 0.1
"""For connecting and for each answer: what a dead Redis may cost a call, and far above what a living one takes."""
FAILURES_MAX = 2
"""In a row, until Redis is left alone. One may be a connection that broke while it was idle."""


class CacheUnavailable(Exception):
    """Redis does not answer, or is left alone because it did not."""


class CacheRefused(Exception):
    """Redis answers that it cannot or will not: for its state, or for what somebody else put there."""


class Cache:
    """A pool of connections to one Redis, behind a circuit breaker.

    After `FAILURES_MAX` failures in a row Redis is not asked any more, until a probe finds that it answers: no caller
    pays for finding out.
    """

    def __init__(self, url: str, *, connections_max: int) -> None:
        """`url` is a redis:// URL. Nothing is connected yet."""
        self._lock = threading.Lock()
        self._failures = 0
        self._run_id: str | None = None
        # redis-py retries by itself for up to a minute unless told otherwise.
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
        """Whether Redis is left alone."""
        return self._failures >= FAILURES_MAX

    @property
    def run_id(self) -> str | None:
        """Of the server that the newest connection goes to: another one after each start of a server. None before the
        first connection.
        """
        return self._run_id

    def ask(self, question: Callable[[redis.Redis], _T]) -> _T:
        """Ask Redis something.

        Raises `CacheUnavailable` if it does not answer, and `CacheRefused`.
        """
        if self.is_unavailable:
            raise CacheUnavailable
        return self._ask(question)

    def probe(self) -> str | None:
        """Why Redis cannot be used; None if it can, and from then on it is asked again."""
        try:
            self._ask(lambda client: client.ping())
        except (CacheUnavailable, CacheRefused) as error:
            return f"Redis does not answer: {type(error.__cause__ or error).__name__}"
        return None

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()

    def _ask(self, question: Callable[[redis.Redis], _T]) -> _T:
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
        """Greet the server, and see which one it is."""
        connection.on_connect()
        connection.send_command("INFO", "server")
        lines = connection.read_response().decode().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        self._run_id = fields["run_id"]
