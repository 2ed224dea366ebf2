"""The connections to one Redis by redis-py, and the meaning of its errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

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


class ServerIdentity(NamedTuple):
    """The start of a server, and its latest promotion since."""

    run_id: str
    promotion: str
    """Empty if it has always been a primary. A server that is a primary again has what the one between has left it:
    whatever says that it was complete before is not true any more."""

    @property
    def text(self) -> str:
        """The identity as a part of markers."""
        return f"{self.run_id}.{self.promotion}" if self.promotion else self.run_id


class RedisClient:
    """A pool of connections to one Redis."""

    modes: Mapping[str, str] = _MODES
    """Modes of servers that this client cannot use, and what to do about it."""

    def __init__(self, url: str, *, connections_max: int, connect_timeout_s: float, timeout_s: float) -> None:
        """Create the pool for a redis:// URL without connecting."""
        self._identity: ServerIdentity | None = None
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

        It changes with each start of a server, when another server has the ranking, and when one is promoted again.
        """
        return None if self._identity is None else self._identity.text

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
        yield self._look_for_promotion

    def _look_for_promotion(self, client: redis.Redis) -> None:
        promotion = promotion_of(require_primary(client))
        if self._identity is not None:
            self._identity = self._identity._replace(promotion=promotion)

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
        self._identity = self.identity_of(connection)

    def identity_of(self, connection: Any) -> ServerIdentity:
        """Return the identity of the server at the other end. Raise `Misconfigured` if it is no such server."""
        run_id = self.require_mode(info_of(connection, "server"))["run_id"]
        return ServerIdentity(run_id, promotion_of(info_of(connection, "replication")))

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


def require_primary(client: redis.Redis) -> Mapping[str, object]:
    """Return what the server says of its replication.

    Raise `ReadOnlyError` if it is a replica, which may accept writes and lose them.
    """
    replication: Mapping[str, object] = client.info("replication")
    if replication["role"] != "master":
        raise ReadOnlyError("the server is a replica")
    return replication


def promotion_of(replication: Mapping[str, object]) -> str:
    """Return the id of the latest promotion of a server; empty if it has always been a primary."""
    never = str(replication.get("second_repl_offset", -1)) == "-1"
    return "" if never else str(replication["master_replid"])


def info_of(connection: Any, section: str) -> Mapping[str, str]:
    """Return a section of what a server says of itself, on a connection that is being set up."""
    connection.send_command("INFO", section)
    lines: Iterator[str] = iter(connection.read_response().decode().splitlines())
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _select(connection: Any, number: int) -> None:
    connection.send_command("SELECT", number)
    try:
        connection.read_response()
    except redis.ResponseError as error:
        raise Misconfigured(f"Redis refuses the database {number} that REDIS_URL names: {error}") from error
