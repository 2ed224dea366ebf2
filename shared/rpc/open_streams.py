"""Open streams, their traffic, and which of them yield their threads to new ones.

A stream occupies a thread for as long as it is open, even while its caller sends nothing. When all threads are taken,
an idle stream is ended for each new one (`shared.rpc.stream_pool`): the longest idle one of the connection with the
most streams. A stream whose caller does not read is cancelled, because its status would wait behind the responses that
are not read.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import grpc

from shared.rpc.grpc_internals import ServerCall

GREEDY_STREAMS = 8
"""Number of open streams from which on a connection is greedy, if no other one has more."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Times in seconds without traffic after which a stream may be ended in favour of another one."""

    idle_s: float
    """If all its requests have their responses."""
    greedy_s: float
    """The same for a stream of the greediest connection, in favour of a connection with fewer streams: one that opens a
    stream for each that is ended denies streams to no other connection."""
    unread_s: float
    """If its caller has not read the response that is being sent."""
    stuck_s: float
    """If it has requests without a response: the database does not respond."""


PATIENCE = Patience(idle_s=1.0, greedy_s=0.05, unread_s=5.0, stuck_s=30.0)
"""The patience with streams of requests."""


class OpenStream:
    """One stream that has a thread, and its traffic."""

    def __init__(self, call: ServerCall, peer: str, patience: Patience) -> None:
        """`peer` is the connection."""
        self.call: Final = call
        self.peer: Final = peer
        self.has_yielded = False
        """True once it was ended in favour of another stream, or because its caller is no longer accepted."""
        self.ended_by = grpc.StatusCode.RESOURCE_EXHAUSTED
        """The status code with which it was ended."""
        self.ended_at = 0.0
        """When it was ended, on the monotonic clock in seconds; 0 before."""
        self.is_unread = False
        """True while a response is being sent."""
        self._patience = patience
        self._waiting_requests = 0
        self._active_at = time.monotonic()

    def received(self) -> None:
        """Note a request."""
        self._waiting_requests += 1
        self._active_at = time.monotonic()

    def responds(self) -> None:
        """Note a response that is about to be sent. Sending waits for a caller that does not read."""
        self.is_unread = True
        self._active_at = time.monotonic()

    def responded(self) -> None:
        """Note a response that was sent."""
        self.is_unread = False
        self._waiting_requests = max(0, self._waiting_requests - 1)
        self._active_at = time.monotonic()

    def idle_s(self, now: float, *, is_greedy: bool = False) -> float:
        """Return the seconds since it could have been ended; negative if it must not be ended."""
        if self.is_unread:
            patience_s = self._patience.unread_s
        elif self._waiting_requests:
            patience_s = self._patience.stuck_s
        else:
            patience_s = self._patience.greedy_s if is_greedy else self._patience.idle_s
        return now - self._active_at - patience_s


def streams_to_end(streams: Iterable[OpenStream], newcomers: Sequence[str], now: float) -> list[OpenStream]:
    """Return the streams to end in favour of new ones, of which `newcomers` are the connections."""
    candidates = [stream for stream in streams if not stream.ended_at]
    counts = Counter(stream.peer for stream in candidates)
    chosen: list[OpenStream] = []
    for newcomer in newcomers:
        greedy = max(GREEDY_STREAMS, counts[newcomer] + 1, *counts.values())
        idle = [stream for stream in candidates if stream.idle_s(now, is_greedy=counts[stream.peer] >= greedy) >= 0]
        if idle:
            longest = max(idle, key=lambda stream: (counts[stream.peer], stream.idle_s(now)))
            candidates.remove(longest)
            counts[longest.peer] -= 1
            chosen.append(longest)
    return chosen


_this_thread = threading.local()


def current_stream() -> OpenStream:
    """Return the stream that this thread runs."""
    stream: OpenStream = _this_thread.stream
    return stream


def set_current_stream(stream: OpenStream | None) -> None:
    """Set the stream that this thread runs."""
    _this_thread.stream = stream
