"""Threads for health watches and reflection, which respond even if all threads for calls are busy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeAlias, TypeVar

import grpc

from shared.domain.errors import Overloaded
from shared.rpc.accepted_connections import AcceptedConnections
from shared.rpc.call_pool import is_refusing, run_in
from shared.rpc.caller_gate import GuardedStreams, MethodGate
from shared.rpc.grpc_internals import ServerCall
from shared.rpc.open_calls import OpenCalls, RequestReceiver
from shared.rpc.open_streams import Patience, current_stream
from shared.rpc.statuses import status_of
from shared.rpc.stream_pool import StreamPool

Q = TypeVar("Q")
R = TypeVar("R")
Method: TypeAlias = Callable[[Q, grpc.ServicerContext], Iterator[R]]

STREAMS_MAX = 64
"""Maximum number of open streams. Each occupies a thread; callers may keep a health watch for each channel."""

# A watch is idle until something changes: it yields only if its connection has more than others and than it needs.
PATIENCE = Patience(idle_s=math.inf, greedy_s=0.05, unread_s=5.0, stuck_s=math.inf)


class SidePool:
    """The threads, of which a connection with many streams keeps none from others."""

    def __init__(self, connections: AcceptedConnections) -> None:
        yielded = status_of(Overloaded("the connection had many streams, and another one needed a place"), "stream")
        self._pool = StreamPool(STREAMS_MAX, "side", status=yielded, patience=PATIENCE, connections=connections)
        self._refused = status_of(Overloaded("too many streams at once"), "stream")

    def start(self) -> None:
        """Start making room for new streams."""
        self._pool.start()

    def response_stream(self, method: Method[Q, R], calls: OpenCalls, timeout_s: float) -> Method[Q, R]:
        """Return a method like `stream`, for which the one request is received before it gets a thread.

        It is a health watch: without a place it ends with UNIMPLEMENTED.
        """
        return run_in(RequestReceiver(calls, self._pool, timeout_s), self._bounded(method, _no_watch))

    def stream(self, method: Method[Q, R], gate: MethodGate | None = None) -> Method[Q, R]:
        """Return a method that runs in the pool, responds many times and may wait in between.

        With a `gate` its callers are authenticated, authorized and held to their limits.
        """
        pool = self._pool if gate is None else GuardedStreams(self._pool, gate)
        return run_in(pool, self._bounded(method, self._overloaded))

    def end_unwelcome(self, judge: Callable[[ServerCall], grpc.Status | None]) -> None:
        """End the open streams for which `judge` returns a status."""
        self._pool.end_unwelcome(judge)

    def _overloaded(self, context: grpc.ServicerContext) -> NoReturn:
        context.abort_with_status(self._refused)

    def _bounded(self, method: Method[Q, R], refuse: Callable[[grpc.ServicerContext], NoReturn]) -> Method[Q, R]:
        def bounded(request: Q, context: grpc.ServicerContext) -> Iterator[R]:
            if is_refusing():
                refuse(context)
            stream = current_stream()
            for response in method(request, context):
                stream.responds()
                yield response
                stream.responded()
            if stream.has_yielded:
                stream.call.leave_ended()

        return bounded

    def close(self) -> None:
        """Wait until all threads have ended."""
        self._pool.close()


def _no_watch(context: grpc.ServicerContext) -> NoReturn:
    """Let clients take this server for healthy. With any other status they make no call until a watch succeeds."""
    context.abort(grpc.StatusCode.UNIMPLEMENTED, "too many health watches at once")
