"""The connection to Redis or Valkey. Everything in it is also in Postgres, so no call waits for it long."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError
from redis.retry import Retry

from shared.cache.deadline_socket import bounded, connection_class
from shared.cache.keys import probe_key

_T = TypeVar("_T")

TIMEOUT_S = 0.1
"""Time limit in seconds of everything that one call asks: far above what a healthy Redis takes."""
DUTY_TIMEOUT_S = 1.0
"""The same for what a background duty asks, which may be long."""
WAITING_MAX = 16
"""Threads that wait for Redis at once. A healthy Redis has one or two; more than these do without Redis."""
TURN_TIMEOUT_S = 0.01
"""Time limit in seconds of waiting for one of them to finish: a burst passes, a slow Redis holds up no more threads."""
FAILURES_MAX = 2
"""Consecutive failures until Redis is no longer used. A single one may be a connection that broke while idle."""
PROBE_BYTES = 4_096
"""Bytes that the probe sends back and forth, so that a connection that only trickles does not look healthy."""
PROBE_TTL_MS = 1
"""Lifetime of the key that the probe writes, in milliseconds."""


PROBLEMS = ("unavailable", "full", "read_only", "refused", "misconfigured")
"""Reasons in words for a metric."""


class CacheUnavailable(Exception):
    """Redis does not respond, or is not asked because it did not respond before."""


class CacheRefused(Exception):
    """Redis replied with an error, because of its state or of a value of another type under our key."""


class _DatabaseRefused(redis.ResponseError):
    """The server does not have the database that the address names."""


class Cache:
    """A pool of connections to one Redis, behind a circuit breaker.

    After `FAILURES_MAX` consecutive failures Redis is not asked until a probe succeeds, so that callers do not wait
    for a dead server.
    """

    def __init__(self, url: str, *, connections_max: int, prefix: str = "") -> None:
        """Create the pool for a redis:// URL without connecting. All keys begin with `prefix`."""
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(WAITING_MAX)
        self._failures = 0
        self._run_id: str | None = None
        self.prefix = prefix
        self._blocked: str | None = None
        self.problem = ""
        """The finding of the last probe: one of `PROBLEMS`, or empty."""
        # By default redis-py retries for up to a minute.
        self._redis: redis.Redis = redis.Redis.from_url(
            url,
            max_connections=connections_max,
            socket_timeout=DUTY_TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            redis_connect_func=self._connected,
            connection_class=connection_class(url),
        )

    @property
    def is_unavailable(self) -> bool:
        """True if the circuit breaker is open."""
        return self._failures >= FAILURES_MAX or self._blocked is not None

    @property
    def run_id(self) -> str | None:
        """Run id of the server that the newest connection reached; None before the first connection.

        It changes with each start of a server.
        """
        return self._run_id

    def ask(self, question: Callable[[redis.Redis], _T], *, for_duty: bool = False) -> _T:
        """Return what `question` returns, within `TIMEOUT_S`, or for a background duty within `DUTY_TIMEOUT_S`.

        Raise `CacheUnavailable` or `CacheRefused`.
        """
        if self.is_unavailable:
            raise CacheUnavailable(self._blocked or "Redis did not respond")
        if not self._turns.acquire(timeout=TURN_TIMEOUT_S):
            raise CacheUnavailable("too many threads wait for Redis")
        try:
            return self._ask(question, DUTY_TIMEOUT_S if for_duty else TIMEOUT_S)
        finally:
            self._turns.release()

    def block(self, reason: str | None) -> None:
        """Do not use Redis, for this reason; None: use it again."""
        self._blocked = reason

    def probe(self) -> str | None:
        """Return why Redis cannot be used; None if it can, and close the circuit breaker."""
        self.problem, text = self._find_problem()
        return text or None

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()

    def _find_problem(self) -> tuple[str, str]:
        if self._blocked is not None:
            return "misconfigured", self._blocked
        try:
            self._ask(lambda client: client.echo("." * PROBE_BYTES), TIMEOUT_S)
            self._ask(lambda client: client.set(probe_key(self.prefix), "", px=PROBE_TTL_MS), TIMEOUT_S)
        except CacheUnavailable as error:
            if isinstance(error.__cause__, _DatabaseRefused):
                return "misconfigured", str(error.__cause__)
            return "unavailable", f"Redis does not respond: {type(error.__cause__ or error).__name__}"
        except CacheRefused as error:
            if isinstance(error.__cause__, OutOfMemoryError):
                return "full", "Redis is full and evicts nothing: rankings cannot be stored in it"
            if isinstance(error.__cause__, ReadOnlyError):
                return "read_only", "Redis is a read-only replica: rankings cannot be stored in it"
            return "refused", f"Redis refuses writes: {error}"
        return "", ""

    def _ask(self, question: Callable[[redis.Redis], _T], timeout_s: float) -> _T:
        """Ask Redis, and count the outcome for the decision whether it is available."""
        try:
            with bounded(time.monotonic() + timeout_s):
                reply = question(self._redis)
        except _DatabaseRefused as error:
            self._failed()
            raise CacheUnavailable from error
        except redis.ResponseError as error:
            self._succeeded()
            raise CacheRefused(str(error)) from error
        except (redis.RedisError, OSError) as error:
            self._failed()
            raise CacheUnavailable from error
        self._succeeded()
        return reply

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1

    def _succeeded(self) -> None:
        if self._failures:
            with self._lock:
                self._failures = 0

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
        self._run_id = fields["run_id"]


def _select(connection: Any, number: int) -> None:
    connection.send_command("SELECT", number)
    try:
        connection.read_response()
    except redis.ResponseError as error:
        raise _DatabaseRefused(f"Redis refuses the database {number} that REDIS_URL names: {error}") from error


_FOLDER = Path(__file__).with_name("lua")

Argument = str | bytes | int


class Script:
    """One script. Redis caches it after its first run."""

    def __init__(self, name: str) -> None:
        """Load the script from the file `lua/<name>.lua`."""
        self._text = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: redis.Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run the script and return its result."""
        try:
            return client.evalsha(self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return client.eval(self._text, len(keys), *keys, *arguments)
