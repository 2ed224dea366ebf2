"""The connections to one Redis by redis-py, and the meaning of its errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisClusterException
from redis.retry import Retry

from shared.cache.deadline_socket import bounded, connection_class
from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.keys import probe_key
from shared.domain.scores import RankingKey

_T = TypeVar("_T")

PROBE_BYTES = 4_096
"""Bytes that the probe sends back and forth, so that a connection that only trickles does not look healthy."""
PROBE_TTL_MS = 1
"""Lifetime of the key that the probe writes, in milliseconds."""

_MODES = {
    "cluster": "Redis is a node of a cluster: REDIS_URL must begin with redis+cluster:// or rediss+cluster://",
    "sentinel": "Redis is a Sentinel: REDIS_URL must be redis+sentinel://HOST:PORT/SERVICE",
}


class Misconfigured(redis.ResponseError):
    """The server cannot be what the address says, or does not have the database that it names."""


class RedisClient:
    """A pool of connections to one Redis."""

    modes: Mapping[str, str] = _MODES
    """Modes of servers that this client cannot use, and what to do about it."""

    def __init__(self, url: str, *, connections_max: int, connect_timeout_s: float, timeout_s: float) -> None:
        """Create the pool for a redis:// URL without connecting."""
        self._run_id: str | None = None
        self._options: dict[str, Any] = {
            "max_connections": connections_max,
            "socket_timeout": timeout_s,
            "socket_connect_timeout": connect_timeout_s,
            "redis_connect_func": self._connected,
        }
        self._client: Any = self._open(url)

    def _open(self, url: str) -> Any:
        # By default redis-py retries for up to a minute.
        return redis.Redis.from_url(url, **self._options, **ONE_SERVER_OPTIONS, connection_class=connection_class(url))

    def run_id_of(self, ranking: RankingKey) -> str | None:  # noqa: ARG002 - one server has all rankings
        """Return the run id of the server that has a ranking, as of its newest connection; None before the first.

        It changes with each start of a server, and when another server has the ranking.
        """
        return self._run_id

    def ask(self, question: Callable[[redis.Redis], _T], timeout_s: float) -> _T:
        """Return what `question` returns, within the time limit. Raise `CacheUnavailable` or `CacheRefused`."""
        try:
            with bounded(time.monotonic() + timeout_s):
                return question(self._connect())
        except Misconfigured as error:
            raise CacheUnavailable from error
        except redis.ResponseError as error:
            raise CacheRefused(str(error)) from error
        except RedisClusterException as error:
            raise CacheUnavailable from _root(error)
        except (redis.RedisError, OSError) as error:
            raise CacheUnavailable from error

    def probes(self, prefix: str) -> Iterable[Callable[[redis.Redis], object]]:
        """Yield questions that succeed if rankings can be stored."""
        yield lambda client: client.echo("." * PROBE_BYTES)
        yield lambda client: client.set(probe_key(prefix), "", px=PROBE_TTL_MS)
        yield require_primary

    def nodes(self, client: Any) -> Mapping[str, redis.Redis]:
        """Return the servers with keys, each by a name of its own."""
        return {"": client}

    @staticmethod
    def problem_of(error: CacheUnavailable | CacheRefused) -> tuple[str, str]:
        """Return the problem that the error of a probe stands for, and the same for people."""
        cause = error.__cause__
        if isinstance(cause, Misconfigured):
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
        if self._client is not None:
            self._client.close()

    def _connect(self) -> Any:
        return self._client

    def _connected(self, connection: Any) -> None:
        """Set up a new connection and note the run id of its server."""
        number, connection.db = connection.db, 0
        try:
            connection.on_connect()
            if number:
                _select(connection, number)
        finally:
            connection.db = number
        self._run_id = self.require_mode(info_of(connection))["run_id"]

    def require_mode(self, info: Mapping[str, str]) -> Mapping[str, str]:
        """Return what a server says of itself. Raise `Misconfigured` if it is no such server as the address says."""
        # Redis and Valkey name it differently.
        problem = self.modes.get(info.get("redis_mode") or info.get("server_mode", ""))
        if problem is not None:
            raise Misconfigured(problem)
        return info


ONE_SERVER_OPTIONS: Mapping[str, Any] = {"retry": Retry(NoBackoff(), 0), "health_check_interval": 0}


def _root(error: BaseException) -> BaseException:
    """Return what the last node of a cluster said, of which redis-py makes an error of the whole cluster."""
    while isinstance(error, RedisClusterException):
        cause = error.__cause__ or error.__context__
        if cause is None:
            break
        error = cause
    return error


def require_primary(client: redis.Redis) -> None:
    """Raise `ReadOnlyError` if the server is a replica, which may accept writes and lose them."""
    if client.info("replication")["role"] != "master":
        raise ReadOnlyError("the server is a replica")


def info_of(connection: Any) -> Mapping[str, str]:
    """Return the section `server` of what a server says of itself, on a connection that is being set up."""
    connection.send_command("INFO", "server")
    lines: Iterator[str] = iter(connection.read_response().decode().splitlines())
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _select(connection: Any, number: int) -> None:
    connection.send_command("SELECT", number)
    try:
        connection.read_response()
    except redis.ResponseError as error:
        raise Misconfigured(f"Redis refuses the database {number} that REDIS_URL names: {error}") from error
