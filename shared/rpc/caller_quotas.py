"""The limits of callers, applied to calls: by this process, which knows nothing of what others have accepted.

Calls and streams are counted before anything of them is received, events and new players once the request is read. A
stream beyond its caller's limit is held back for up to `HOLD_MAX_S`, and ended if that does not pay the debt.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from shared.domain.access import Caller
from shared.domain.caller_errors import CallerLimitReached
from shared.domain.caller_limits import NO_LIMITS, Bucket, Limit
from shared.runtime.telemetry import Telemetry

BUCKETS_MAX = 20_000
"""Number of buckets that are remembered for certain; up to twice as many are. One that is forgotten begins full again,
which is what it would be after a second without a debt."""

HOLD_MAX_S = 2.0
"""Time in seconds for which a stream's reader may be held back."""

EVENTS_IN: Mapping[str, Callable[[Any], int]] = {
    "ReportEvent": lambda _: 1,
    "ReportEvents": lambda request: len(request.events),
    "StreamEvents": lambda request: len(request.events),
}
"""The number of events in a request, by method."""

CREATES_PLAYERS = "InitializePlayer"

R = TypeVar("R")

_Key = tuple[str, str | None, int]
"""Name and player of a caller, and the number of a limit."""
_NUMBERS = tuple(range(len(Limit)))
"""Plain numbers, which have a faster hash than an enum's."""

_new_player: ContextVar[Callable[[], object] | None] = ContextVar("new_player", default=None)


def note_new_player() -> None:
    """Count a player that the present call has created against the limit of its caller."""
    if (count := _new_player.get()) is not None:
        count()


class CallerQuotas:
    """The buckets of all callers. Its methods are thread-safe."""

    def __init__(self, telemetry: Telemetry, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._young: dict[_Key, Bucket] = {}
        self._old: dict[_Key, Bucket] = {}
        limited = telemetry.counter(
            "rpc_callers_limited",
            "Calls and streams that were refused or ended because of a limit of their caller.",
            labels=("limit",),
        )
        self._limited = {limit: limited.labels(limit.setting) for limit in Limit}

    def refusal(self, caller: Caller, limit: Limit, amount: float = 1.0) -> CallerLimitReached | None:
        """Count something against a limit; return the error if the caller has to wait, and nothing was counted."""
        if caller.limits is NO_LIMITS:
            return None
        wait_s = self._take(caller, limit, amount)
        return self._reached(limit, wait_s) if wait_s else None

    def require(self, method: str, caller: Caller, request: object) -> None:
        """Count the events of a request. Raise `CallerLimitReached` if the caller has to wait."""
        error = self.refusal(caller, Limit.EVENTS, EVENTS_IN[method](request))
        if error is not None:
            raise error

    def hold_back(self, method: str, caller: Caller, request: object) -> None:
        """Count the events of a stream's message, and wait if the caller has to. Raise `CallerLimitReached`."""
        if caller.limits is NO_LIMITS:
            return
        amount, until = EVENTS_IN[method](request), self._monotonic() + HOLD_MAX_S
        while wait_s := self._take(caller, Limit.EVENTS, amount):
            if self._monotonic() + wait_s > until:
                raise self._reached(Limit.EVENTS, wait_s)
            time.sleep(wait_s)

    def counting_players(self, caller: Caller, method: Callable[[], R]) -> R:
        """Run a method that may create players. Raise `CallerLimitReached` if the caller has created too many."""
        error = self.refusal(caller, Limit.NEW_PLAYERS, 0.0)
        if error is not None:
            raise error
        token = _new_player.set(partial(self._owe, caller, Limit.NEW_PLAYERS))
        try:
            return method()
        finally:
            _new_player.reset(token)

    @property
    def remembered(self) -> int:
        """The number of buckets."""
        return len(self._young) + len(self._old)

    def _take(self, caller: Caller, limit: Limit, amount: float) -> float:
        rate = caller.limits[limit]
        if rate == math.inf:
            return 0.0
        now, key = self._monotonic(), (caller.name, caller.player, _NUMBERS[limit])
        with self._lock:
            return (self._young.get(key) or self._rejuvenated(key, rate, now)).take(amount, rate, now)

    def _owe(self, caller: Caller, limit: Limit) -> None:
        rate, now, key = caller.limits[limit], self._monotonic(), (caller.name, caller.player, _NUMBERS[limit])
        with self._lock:
            (self._young.get(key) or self._rejuvenated(key, rate, now)).owe(1.0)

    def _rejuvenated(self, key: _Key, rate: float, now: float) -> Bucket:
        """Return a bucket that is not among the young ones, and keep it there."""
        if len(self._young) >= BUCKETS_MAX:
            self._young, self._old = {}, self._young
        bucket = self._young[key] = self._old.pop(key) if key in self._old else Bucket(rate, now)
        return bucket

    def _reached(self, limit: Limit, wait_s: float) -> CallerLimitReached:
        self._limited[limit].inc()
        return CallerLimitReached(limit.setting, wait_s)
