"""Responses that their callers do not read, and the calls that wait until they do.

gRPC takes any number of responses and keeps them until they are written, once as Python's bytes and once as its own. A
caller that announces large windows and does not read lets a write begin that never ends. While a write is under way,
nothing else of that connection completes: 2,000 calls of 0.15 MB that were cancelled kept 0.3 MB each. Only the end of
the connection frees them. So:

- The responses of a connection are bounded in bytes. Beyond that, its further calls wait (`HeldCalls`). A
  caller that reads more slowly than the server responds gets its responses at its own pace, without a failure.
- A connection that is beyond its bound and has read no response for `STALL_S` is ended.
- A response that is not read for `UNREAD_S` is dropped with its call, and so are those beyond `UNREAD_MAX` that are not
  read for `YIELD_S`. A connection that keeps them nevertheless is ended.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from shared.rpc.accepted_connections import AcceptedConnections
from shared.rpc.grpc_internals import ServerCall
from shared.runtime.interpreter import release_freed_memory

CONNECTION_BYTES_MAX = 8 * 1024 * 1024
"""Maximum number of bytes of unread responses of one connection."""

TOTAL_BYTES_MAX = 16 * 1024 * 1024
"""The same for all connections of a worker. Beyond it, connections with less than `FAIR_BYTES` are not affected."""

FAIR_BYTES = 1024 * 1024
"""Number of bytes of unread responses that any connection may have."""

COUNTED_BYTES = 4_096
"""Size of the smallest response whose bytes are counted; smaller ones are bounded by their number."""

UNREAD_S = 20.0
"""Time in seconds after which the call of an unread response is cancelled."""

UNREAD_MAX = 100
"""Maximum number of unread responses of one connection, after `YIELD_S`."""

UNREAD_TOTAL_MAX = 1_000
"""The same for all connections together."""

YIELD_S = 2.0
"""Time in seconds in which a caller may leave any number of responses unread, if their bytes are within the bounds."""

STALL_S = 3.0
"""Time in seconds in which a connection beyond a bound must have read a response: one of 3.5 MiB at 10 Mbit/s."""


class UnreadResponses:
    """The unread responses of a server, by connection."""

    def __init__(
        self, connections: AcceptedConnections, ended: Callable[[], object], read: Callable[[str], object]
    ) -> None:
        """Call `ended` for each call and connection that is ended, and `read` for each connection that has read."""
        self._connections = connections
        self._ended = ended
        self._read = read
        self._lock = threading.Lock()
        self._bytes: dict[str, int] = {}
        self._total = 0
        self._is_memory_freed = False
        self._read_at: dict[str, float] = {}

    @property
    def total_bytes(self) -> int:
        """The number of bytes of all counted responses that are not yet read."""
        return self._total

    def count(self, call: ServerCall, response: bytes) -> bytes:
        """Count a response until its call ends, and return it."""
        size = len(response)
        if size >= COUNTED_BYTES:
            peer = call.peer
            with self._lock:
                if not call.has_ended:
                    call.unread_bytes = size
                    self._add(peer, size)
        return response

    def note_end(self, call: ServerCall) -> None:
        """Note that a call has ended: its response, if it has one, was written, or its caller is gone."""
        # Only of calls that were ever found unread: the others cost nothing here.
        if call.responded_at:
            self._read_at[call.peer] = time.monotonic()
        with self._lock:
            call.has_ended = True
            size = call.unread_bytes
            if size:
                self._add(call.peer, -size)
        if size:
            self._read(call.peer)

    @property
    def is_much(self) -> bool:
        """False if no connection can be beyond its bound."""
        return self._total > min(CONNECTION_BYTES_MAX, TOTAL_BYTES_MAX)

    def is_beyond(self, peer: str) -> bool:
        """Return whether a connection has more unread than it may have."""
        unread = self._bytes.get(peer, 0)
        return unread > CONNECTION_BYTES_MAX or (unread > FAIR_BYTES and self._total > TOTAL_BYTES_MAX)

    def bound(self, now: float, calls: Iterable[ServerCall]) -> None:
        """Cancel calls and end connections that are beyond the bounds. `calls` are all that have not ended."""
        by_peer: dict[str, list[ServerCall]] = defaultdict(list)
        for call in calls:
            if not call.has_responded:
                continue
            if not call.responded_at:
                call.responded_at = now
            elif now - call.responded_at >= YIELD_S:
                by_peer[call.peer].append(call)
        for peer in set(self._read_at) - set(by_peer):
            self._read_at.pop(peer, None)
        kept: list[ServerCall] = []
        if self._is_memory_freed:
            release_freed_memory()
        has_ended = False
        for peer, unread in by_peer.items():
            read_at = max(self._read_at.get(peer, 0.0), min(call.responded_at for call in unread))
            if now - read_at >= STALL_S and (self.is_beyond(peer) or any(call.cancelled_at for call in unread)):
                self._ended()
                self._connections.end(peer)
                has_ended = True
            else:
                kept += self._cancel_excess(now, unread)
        self._is_memory_freed = has_ended
        kept.sort(key=lambda call: call.responded_at)
        for call in kept[: max(0, len(kept) - UNREAD_TOTAL_MAX)]:
            self._cancel(now, call)

    def _cancel_excess(self, now: float, unread: list[ServerCall]) -> list[ServerCall]:
        """Cancel the calls of one connection that are beyond its bounds, and return the others."""
        waiting = sorted((call for call in unread if not call.cancelled_at), key=lambda call: call.responded_at)
        excess = len(waiting) - UNREAD_MAX
        kept = []
        for position, call in enumerate(waiting):
            if position < excess or now - call.responded_at >= UNREAD_S:
                self._cancel(now, call)
            else:
                kept.append(call)
        return kept

    def _cancel(self, now: float, call: ServerCall) -> None:
        call.cancelled_at = now
        self._ended()
        call.cancel()

    def _add(self, peer: str, size: int) -> None:
        """Count bytes as waiting for a connection to read them; with a negative size, as read. The lock is held."""
        self._total += size
        unread = self._bytes.get(peer, 0) + size
        if unread:
            self._bytes[peer] = unread
        else:
            del self._bytes[peer]


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

    def one_pass(self, now: float) -> None:
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
