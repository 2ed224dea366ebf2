"""Calls that are not begun before their connection has read enough of its responses.

A caller that reads more slowly than the server responds gets its responses at its own pace, without a failure. One that
does not read at all gets no more.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from shared.rpc.grpc_internals import ServerCall
from shared.rpc.unread_responses import UnreadResponses

HOLD_S = 2.0
"""Time in seconds after which a held call is refused."""

HELD_MAX = 1_000
"""Maximum number of held calls in one worker. Any more are refused."""

RELEASED_BY_READING = 2
"""Number of held calls that are begun when a response was read, so that there are more with each."""

_RELEASED_AT_ONCE = 16


class _Held(NamedTuple):
    call: ServerCall
    since: float
    begin: Callable[[], object]


class HeldCalls:
    """The held calls of a server, by connection."""

    def __init__(self, unread: UnreadResponses, refuse: Callable[[ServerCall], object]) -> None:
        self._unread = unread
        self._refuse = refuse
        self._lock = threading.Lock()
        self._held: dict[str, deque[_Held]] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """The number of held calls."""
        return self._count

    def hold(self, call: ServerCall, begin: Callable[[], object]) -> bool:
        """Hold or refuse a call if its connection must read first. Return False if it may begin."""
        if not self._held and not self._unread.is_much:
            return False
        peer = call.peer
        with self._lock:
            if peer not in self._held and not self._unread.is_beyond(peer):
                return False
            if has_room := self._count < HELD_MAX:
                self._held.setdefault(peer, deque()).append(_Held(call, time.monotonic(), begin))
                self._count += 1
        if not has_room:
            self._refuse(call)
        return True

    def release(self, peer: str, count_max: int = RELEASED_BY_READING) -> None:
        """Begin the oldest calls of a connection that has read enough."""
        for _ in range(count_max):
            if (held := self._take(peer)) is None:
                return
            held.begin()

    def look(self, now: float) -> None:
        """Refuse calls that were held for too long, and begin those whose connections have read."""
        with self._lock:
            peers = list(self._held)
            overdue = [held for peer in peers for held in self._held[peer] if now - held.since >= HOLD_S]
            for held in overdue:
                self._remove(held)
        for held in overdue:
            self._refuse(held.call)
        for peer in peers:
            self.release(peer, _RELEASED_AT_ONCE)

    def _take(self, peer: str) -> _Held | None:
        with self._lock:
            if peer not in self._held or self._unread.is_beyond(peer):
                return None
            held = self._held[peer][0]
            self._remove(held)
            return held

    def _remove(self, held: _Held) -> None:
        """Remove a call, which is the oldest of its connection."""
        peer = held.call.peer
        self._held[peer].popleft()
        self._count -= 1
        if not self._held[peer]:
            del self._held[peer]
