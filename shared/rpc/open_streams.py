"""The open streams of a method with a stream of requests, of which idle ones yield their threads.

A stream occupies a thread for as long as it is open, even while its caller sends nothing. When all threads are taken
and another stream is opened, the longest idle stream of the connection with the most streams is ended. A stream whose
caller does not read is cancelled, because its status would wait behind the responses that are not read.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

import grpc

from shared.domain.errors import Overloaded
from shared.rpc.grpc_internals import ServerCall
from shared.rpc.statuses import status_of

IDLE_YIELD_S = 1.0
"""Time in seconds without traffic after which a stream may be ended, if all its requests have their responses."""

GREEDY_STREAMS = 8
"""Number of open streams from which on a connection is greedy, if no other one has more."""

GREEDY_YIELD_S = 0.05
"""Time in seconds after which an idle stream of the greediest connection may be ended: one that opens a stream for each
that is ended denies streams to no other connection."""

UNREAD_YIELD_S = 5.0
"""The same for a stream whose caller has not read the response that is being sent."""

STUCK_YIELD_S = 30.0
"""The same for a stream with unanswered requests: the database does not respond."""

END_S = 0.5
"""Time in seconds after which a stream that was ended is cancelled: its connection accepts no status."""


class OpenStream:
    """One stream and its traffic."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self.call = ServerCall.of(context)
        self.peer = context.peer()
        self.has_yielded = False
        """True once it was ended in favour of another stream."""
        self.ended_at = 0.0
        """When it was ended, on the monotonic clock in seconds; 0 before."""
        self.is_unread = False
        """True while a response is being sent."""
        self._unanswered = 0
        self._active_at = time.monotonic()

    def received(self) -> None:
        """Note a request."""
        self._unanswered += 1
        self._active_at = time.monotonic()

    def responds(self) -> None:
        """Note a response that is about to be sent. Sending waits for a caller that does not read."""
        self.is_unread = True
        self._active_at = time.monotonic()

    def responded(self) -> None:
        """Note a response that was sent."""
        self.is_unread = False
        self._unanswered -= 1
        self._active_at = time.monotonic()

    def idle_s(self, now: float, *, is_greedy: bool = False) -> float:
        """Return the seconds since it could have been ended; negative if it must not be ended."""
        if self.is_unread:
            return now - self._active_at - UNREAD_YIELD_S
        return (
            now
            - self._active_at
            - (STUCK_YIELD_S if self._unanswered else GREEDY_YIELD_S if is_greedy else IDLE_YIELD_S)
        )


class OpenStreams:
    """All open streams of a server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[OpenStream] = set()
        self._status = status_of(Overloaded("the stream was idle, and another one needed its place"), "stream")

    def add(self, context: grpc.ServicerContext) -> OpenStream:
        """Return the stream of a call, which must be discarded when it ends."""
        stream = OpenStream(context)
        with self._lock:
            self._open.add(stream)
        return stream

    def discard(self, stream: OpenStream) -> None:
        """Forget a stream that has ended."""
        with self._lock:
            self._open.discard(stream)

    def end_idle(self) -> bool:
        """End the longest idle stream of the connection with most streams; return whether there was one."""
        now = time.monotonic()
        with self._lock:
            for stream in self._open:
                if stream.has_yielded and now - stream.ended_at >= END_S:
                    stream.call.cancel()
            streams = Counter(stream.peer for stream in self._open)
            greedy = max(GREEDY_STREAMS, *streams.values(), 0)
            idle = [
                stream
                for stream in self._open
                if not stream.has_yielded and stream.idle_s(now, is_greedy=streams[stream.peer] >= greedy) >= 0
            ]
            if not idle:
                return False
            longest = max(idle, key=lambda stream: (streams[stream.peer], stream.idle_s(now)))
            longest.has_yielded, longest.ended_at = True, now
        if longest.is_unread:
            longest.call.cancel()
            return True
        return longest.call.end(self._status)
