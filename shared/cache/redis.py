"""Access to Redis or Valkey. Everything in it is also in Postgres, so no call waits for it long."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.domain.scores import RankingKey

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


PROBLEMS = ("unavailable", "full", "read_only", "refused", "misconfigured")
"""Reasons in words for a metric."""


class Cache:
    """Connections to one Redis or a cluster, behind a circuit breaker.

    After `FAILURES_MAX` consecutive failures Redis is not asked until a probe succeeds, so that callers do not wait
    for a dead server.
    """

    def __init__(self, url: str, *, connections_max: int, prefix: str = "") -> None:
        """Create the pool for an address without connecting. All keys begin with `prefix`."""
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(WAITING_MAX)
        self._failures = 0
        self.prefix = prefix
        self._blocked: str | None = None
        self._is_replica = False
        self._failed_probes = 0
        """Consecutive probes that failed. Calls to other nodes of a cluster succeed meanwhile."""
        self.took: Mapping[bool, Callable[[float], None]] = {}
        """Called with the seconds that a question took, by whether a duty asked it."""
        self.problem = ""
        """The finding of the last probe: one of `PROBLEMS`, or empty."""
        # Imported here so that redis-py is loaded only where there is a Redis.
        from shared.cache.opening import open_client

        self._client = open_client(
            url, connections_max=connections_max, connect_timeout_s=TIMEOUT_S, timeout_s=DUTY_TIMEOUT_S
        )

    @property
    def is_unavailable(self) -> bool:
        """True if the circuit breaker is open."""
        return (
            self._failures >= FAILURES_MAX
            or self._failed_probes >= FAILURES_MAX
            or self._blocked is not None
            or self._is_replica
        )

    def run_id_of(self, ranking: RankingKey) -> str | None:
        """Return the run id of the server that has a ranking; None before the first connection to it.

        It changes with each start of a server, when another server has the ranking, and when one is promoted again.
        """
        return self._client.run_id_of(ranking)

    def nodes(self, client: redis.Redis) -> Mapping[str, redis.Redis]:
        """Return the servers with keys by name: one, or the primaries of a cluster. `client` is that of a question."""
        return self._client.nodes(client)

    def ask(self, question: Callable[[redis.Redis], _T], *, for_duty: bool = False) -> _T:
        """Return what `question` returns, within `TIMEOUT_S`, or for a background duty within `DUTY_TIMEOUT_S`.

        Raise `CacheUnavailable` or `CacheRefused`.
        """
        if self.is_unavailable:
            raise CacheUnavailable(self._blocked or "Redis did not respond, or cannot be used")
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
        # A replica may accept writes and lose them.
        self._is_replica = self.problem == "read_only"
        return text or None

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _find_problem(self) -> tuple[str, str]:
        if self._blocked is not None:
            return "misconfigured", self._blocked
        refused: list[CacheRefused] = []
        try:
            for question in self._client.probes(self.prefix):
                try:
                    self._client.ask(question, TIMEOUT_S)
                except CacheRefused as error:
                    # It is a reply. Another node of a cluster may give none.
                    refused.append(error)
        except CacheUnavailable as error:
            self._failed()
            self._failed_probes += 1
            return self._client.problem_of(error)
        self._succeeded()
        self._failed_probes = 0
        problems = [self._client.problem_of(error) for error in refused]
        return next((found for found in problems if found[0] == "read_only"), (*problems, ("", ""))[0])

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
