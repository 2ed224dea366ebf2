"""Responses that their callers do not read.

gRPC takes any number of responses and keeps them until they are written, once as Python's bytes and once as its own. A
caller that announces large windows and does not read lets a write begin that never ends. While a write is under way,
nothing else of that connection completes: 2,000 calls of 0.15 MB that were cancelled kept 0.3 MB each. Only the end of
the connection frees them. So:

- The responses of a connection are bounded in bytes. Beyond that, its further calls wait (`shared.rpc.held_calls`).
- A connection that is beyond its bound and has read no response for `STALL_S` is ended.
- A response that is not read for `UNREAD_S` is dropped with its call, and so are those beyond `UNREAD_MAX` that are not
  read for `YIELD_S`. A connection that keeps them nevertheless is ended.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import partial

from shared.rpc.accepted_connections import AcceptedConnections
from shared.rpc.grpc_internals import ServerCall
from shared.runtime.memory import release_freed_memory

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
        self._bytes: Counter[str] = Counter()
        self._total = 0
        self._is_memory_freed = False
        self._read_at: dict[str, float] = {}

    @property
    def total_bytes(self) -> int:
        """The number of bytes of all counted responses that are not yet read."""
        return self._total

    def count(self, call: ServerCall, response: bytes) -> bytes:
        """Count a response until it is read, and return it."""
        size = len(response)
        if size >= COUNTED_BYTES:
            peer = call.peer
            if call.on_end(partial(self._take, peer, size)):
                self._add(peer, size)
        return response

    def note_end(self, call: ServerCall) -> None:
        """Note that a call has ended."""
        # Only of calls that were ever found unread: the others cost nothing here.
        if call.responded_at:
            self._read_at[call.peer] = time.monotonic()

    @property
    def is_much(self) -> bool:
        """False if no connection can be beyond its bound."""
        return self._total > min(CONNECTION_BYTES_MAX, TOTAL_BYTES_MAX)

    def is_beyond(self, peer: str) -> bool:
        """Return whether a connection has more unread than it may have."""
        unread = self._bytes[peer]
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

    def _take(self, peer: str, size: int) -> None:
        self._add(peer, -size)
        self._read(peer)

    def _add(self, peer: str, size: int) -> None:
        with self._lock:
            self._total += size
            self._bytes[peer] += size
            if not self._bytes[peer]:
                del self._bytes[peer]
