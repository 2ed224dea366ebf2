"""The threads of streams, and the new streams that wait for one.

When all threads are taken, a new stream waits while idle ones are ended, one for each that waits
(`shared.rpc.open_streams`). It is refused if none has become idle within `WAIT_S`. Of those that wait, the one whose
connection has the fewest open streams is next. The queue is bounded, and when it is full, the connection with the most
streams loses its newest one: a connection that opens many streams denies them to no other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from shared.rpc.accepted_connections import AcceptedConnections
from shared.rpc.call_pool import SUBMITTED, CallPool, refuse
from shared.rpc.grpc_internals import ServerCall
from shared.rpc.open_streams import OpenStream, Patience, set_current_stream, streams_to_end

log = logging.getLogger(__name__)

WAIT_S = 2.0
"""Time in seconds that a new stream waits for an idle one, longer than a stream may be idle without having to yield."""

ENDING_MAX_S = 5.0
"""Additional time in seconds that a new stream waits for the thread of one that was ended."""

CANCEL_S = 0.5
"""Time in seconds after which a stream that was ended is cancelled: its connection accepts no status. After twice that
time the connection is ended: while it accepts nothing, no stream ends by being cancelled either.
"""

THREAD_WAIT_S = 2.0
"""Time in seconds that a stream with a place waits for its thread: the last stream is about to leave it, unless the
system cannot start one.
"""

WAITING_MAX = 256
"""Maximum number of waiting streams."""

_ENDED_AT_ONCE = 16
"""Maximum number of streams ended in one pass, which bounds the time that the search takes."""

_INTERVAL_S = 0.010


@dataclass(eq=False)
class _Newcomer:
    call: ServerCall
    peer: str
    since: float
    run: Callable[[], object]


class StreamPool(ThreadPoolExecutor):
    """A fixed number of threads and a bounded queue. It is an executor because gRPC submits streams to one.

    A submitted stream must check `is_refusing` before it waits for its caller, and may then ask for `current_stream`.
    """

    def __init__(
        self, threads: int, name: str, *, status: grpc.Status, patience: Patience, connections: AcceptedConnections
    ) -> None:
        """`status` ends an idle stream."""
        # An executor has at least one thread. It is never used: streams go to the inner pool.
        super().__init__(1)
        self._threads_max = threads
        self._inner = CallPool(threads, name, wait_s=THREAD_WAIT_S)
        self._status = status
        self._patience = patience
        self._connections = connections
        self._lock = threading.Lock()
        self._open: set[OpenStream] = set()
        self._waiting: list[_Newcomer] = []
        self._displaced: deque[_Newcomer] = deque()
        self._closing = False
        self._stream_waits = threading.Condition(self._lock)
        self._keeper = threading.Thread(target=self._make_room_until_closed, name=f"{name} keeper", daemon=True)

    @property
    def in_use(self) -> int:
        """The number of open streams."""
        return len(self._open)

    @property
    def waiting(self) -> int:
        """The number of streams that wait for a thread."""
        return len(self._waiting)

    def start(self) -> None:
        """Start ending idle streams for new ones."""
        self._inner.start()
        self._keeper.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a stream now or when its turn comes. The returned future is shared and says nothing about this stream."""
        _respond, rpc_event, state, *_ = args
        self.take(ServerCall(rpc_event, state), partial(fn, *args, **kwargs))
        return SUBMITTED

    def take(self, call: ServerCall, run: Callable[[], object]) -> None:
        """Run the stream of a call now or when its turn comes."""
        newcomer = _Newcomer(call, call.peer, time.monotonic(), run)
        with self._lock:
            stream, refused = self._admit(newcomer)
        if stream is not None:
            self._inner.submit(self._run, stream, newcomer.run)
        if refused is newcomer:
            refuse(newcomer.run)

    def end_unwelcome(self, judge: Callable[[ServerCall], grpc.Status | None]) -> None:
        """End the open streams for which `judge` returns a status."""
        with self._lock:
            streams = [stream for stream in self._open if not stream.ended_at]
        for stream in streams:
            if (status := judge(stream.call)) is not None:
                stream.has_yielded, stream.ended_at, stream.ended_by = True, time.monotonic(), status.code
                if not stream.call.end(status):
                    # It has ended by itself, and is about to leave its thread.
                    stream.has_yielded = False

    def close(self) -> None:
        """Refuse the streams that wait, and return when all others have ended. Nothing may be submitted afterwards."""
        with self._lock:
            self._closing = True
            self._stream_waits.notify()
        self._keeper.join()
        self._inner.close()
        self.shutdown()

    def _admit(self, newcomer: _Newcomer) -> tuple[OpenStream | None, _Newcomer | None]:
        """Return the stream if it may run, else None and, if the queue is full, the one that loses its place in it."""
        if not self._waiting and len(self._open) < self._threads_max:
            return self._opened(newcomer), None
        displaced = self._displace(newcomer) if len(self._waiting) >= WAITING_MAX else None
        if displaced is not newcomer:
            self._waiting.append(newcomer)
            if displaced is not None:
                self._waiting.remove(displaced)
                self._displaced.append(displaced)
            self._stream_waits.notify()
        return None, displaced

    def _displace(self, newcomer: _Newcomer) -> _Newcomer:
        """Return the newest stream of the connection with the most streams."""
        counts = Counter(stream.peer for stream in self._open)
        counts.update(each.peer for each in (*self._waiting, newcomer))
        return max((newcomer, *reversed(self._waiting)), key=lambda each: counts[each.peer])

    def _opened(self, newcomer: _Newcomer) -> OpenStream:
        stream = OpenStream(newcomer.call, newcomer.peer, self._patience)
        self._open.add(stream)
        return stream

    def _run(self, stream: OpenStream, run: Callable[[], object]) -> None:
        """Run a stream in a thread of the inner pool, then let the next one have its place."""
        set_current_stream(stream)
        try:
            run()
        finally:
            set_current_stream(None)
            with self._lock:
                self._open.discard(stream)
                following = self._in_order()[0] if self._waiting else None
                if following is not None:
                    self._waiting.remove(following)
                    next_stream = self._opened(following)
            if following is not None:
                self._inner.submit(self._run, next_stream, following.run)

    def _in_order(self) -> list[_Newcomer]:
        """Return the waiting streams in the order in which they get a thread."""
        counts = Counter(stream.peer for stream in self._open)
        return sorted(self._waiting, key=lambda newcomer: (counts[newcomer.peer], newcomer.since))

    def _make_room_until_closed(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._displaced and not self._closing:
                    self._stream_waits.wait()
            # Before any is refused: after a stall all may be overdue, and others idle.
            try:
                self._make_room(time.monotonic())
            except Exception:
                log.exception("unhandled exception while making room for streams")
            with self._lock:
                refused = self._take_refused(time.monotonic())
                is_over = self._closing
            for newcomer in refused:
                refuse(newcomer.run)
            if is_over:
                return
            time.sleep(_INTERVAL_S)

    def _make_room(self, now: float) -> None:
        """End an idle stream for each new one that waits, and cancel those that were ended and stay."""
        with self._lock:
            ending = [stream for stream in self._open if stream.ended_at]
            lacking = self._in_order()[len(ending) :][:_ENDED_AT_ONCE]
            chosen = streams_to_end(self._open, [newcomer.peer for newcomer in lacking], now)
            for stream in chosen:
                stream.has_yielded, stream.ended_at = True, now
        for stream in ending:
            if now - stream.ended_at >= 2 * CANCEL_S and stream.is_unread:
                self._connections.end(stream.peer)
            elif now - stream.ended_at >= CANCEL_S:
                stream.call.cancel()
        for stream in chosen:
            if stream.is_unread:
                stream.call.cancel()
            elif not stream.call.end(self._status):
                # It has ended by itself, and is about to leave its thread.
                stream.has_yielded = False

    def _take_refused(self, now: float) -> list[_Newcomer]:
        """Remove and return the streams that must not wait any longer."""
        refused = list(self._displaced)
        self._displaced.clear()
        ending = sum(1 for stream in self._open if stream.ended_at)
        for position, newcomer in enumerate(self._in_order()):
            wait_s = WAIT_S + (ENDING_MAX_S if position < ending else 0.0)
            if self._closing or now - newcomer.since > wait_s or not newcomer.call.is_active:
                self._waiting.remove(newcomer)
                refused.append(newcomer)
        return refused
