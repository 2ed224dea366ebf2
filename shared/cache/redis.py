"""The connection to Redis or Valkey. Everything in it is also in Postgres, so no call waits for it long."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.keys import probe_key

if TYPE_CHECKING:
    import redis

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
        self.prefix = prefix
        self._blocked: str | None = None
        self.took: Mapping[bool, Callable[[float], None]] = {}
        """Called with the seconds that a question took, by whether a duty asked it."""
        self.problem = ""
        """The finding of the last probe: one of `PROBLEMS`, or empty."""
        # redis-py takes 14 MiB and a fifth of a service's start: it is loaded where there is a Redis.
        from shared.cache.redis_client import RedisClient

        self._client = RedisClient(
            url, connections_max=connections_max, connect_timeout_s=TIMEOUT_S, timeout_s=DUTY_TIMEOUT_S
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
        return self._client.run_id

    def ask(self, question: Callable[[redis.Redis], _T], *, for_duty: bool = False) -> _T:
        """Return what `question` returns, within `TIMEOUT_S`, or for a background duty within `DUTY_TIMEOUT_S`.

        Raise `CacheUnavailable` or `CacheRefused`.
        """
        if self.is_unavailable:
            raise CacheUnavailable(self._blocked or "Redis did not respond")
        if not self._turns.acquire(timeout=TURN_TIMEOUT_S):
            raise CacheUnavailable("too many threads wait for Redis")
        started = time.monotonic()
        try:
            return self._ask(question, DUTY_TIMEOUT_S if for_duty else TIMEOUT_S)
        finally:
            self._turns.release()
            if for_duty in self.took:
                self.took[for_duty](time.monotonic() - started)

    def block(self, reason: str | None) -> None:
        """Do not use Redis, for this reason; None: use it again."""
        self._blocked = reason

    def probe(self) -> str | None:
        """Return why Redis cannot be used; None if it can, and close the circuit breaker."""
        self.problem, text = self._find_problem()
        return text or None

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _find_problem(self) -> tuple[str, str]:
        if self._blocked is not None:
            return "misconfigured", self._blocked
        try:
            self._ask(lambda client: client.echo("." * PROBE_BYTES), TIMEOUT_S)
            self._ask(lambda client: client.set(probe_key(self.prefix), "", px=PROBE_TTL_MS), TIMEOUT_S)
        except (CacheUnavailable, CacheRefused) as error:
            return self._client.problem_of(error)
        return "", ""

    def _ask(self, question: Callable[[redis.Redis], _T], timeout_s: float) -> _T:
        """Ask Redis, and count the outcome for the decision whether it is available."""
        try:
            reply = self._client.ask(question, timeout_s)
        except CacheUnavailable:
            self._failed()
            raise
        except CacheRefused:
            self._succeeded()
            raise
        self._succeeded()
        return reply

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1

    def _succeeded(self) -> None:
        if self._failures:
            with self._lock:
                self._failures = 0


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
        from redis.exceptions import NoScriptError

        try:
            return client.evalsha(self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return client.eval(self._text, len(keys), *keys, *arguments)
