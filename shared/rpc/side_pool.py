"""Threads for health watches and reflection, which respond even if all threads for calls are busy."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Generic, TypeVar

import grpc

from shared.domain.errors import Overloaded
from shared.rpc.admission import Admission
from shared.rpc.open_calls import OpenCalls
from shared.rpc.request_receiver import RequestReceiver
from shared.rpc.statuses import status_of

log = logging.getLogger(__name__)

Q = TypeVar("Q")
R = TypeVar("R")

STREAMS_MAX = 64
"""Maximum number of open streams. Each occupies a thread; callers may keep a health watch for each channel."""

_SUBMITTED: Final[Future[Any]] = Future()
_SUBMITTED.set_result(None)

# Beyond what streams can take. They refuse further streams, which never waits.
_REFUSING_THREADS = 2


class PooledMethod(Generic[Q, R]):
    """A method that gRPC runs in a thread pool of its own. gRPC looks for the attribute `experimental_thread_pool`."""

    def __init__(self, method: Callable[[Q, grpc.ServicerContext], R], pool: ThreadPoolExecutor) -> None:
        self.experimental_thread_pool = pool
        self._method = method

    def __call__(self, request: Q, context: grpc.ServicerContext) -> R:
        return self._method(request, context)


class _Threads(ThreadPoolExecutor):
    """A pool that survives a system that cannot start a thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call when a thread is free."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            # The thread with which gRPC serves all calls submits: an exception would end it, and so the server. The
            # call is queued already, for a thread that is there or that a later call starts.
            log.exception("cannot start a thread: calls wait for the existing ones")
            return _SUBMITTED


class SidePool:
    """The threads, and the bound on those that streams may take."""

    def __init__(self) -> None:
        self._pool = _Threads(STREAMS_MAX + _REFUSING_THREADS, thread_name_prefix="side")
        self._streams = Admission(STREAMS_MAX)

    def response_stream(
        self, method: Callable[[Q, grpc.ServicerContext], Iterator[R]], calls: OpenCalls, timeout_s: float
    ) -> PooledMethod[Q, Iterator[R]]:
        """Return a method like `stream`, for which the one request is received before it gets a thread."""
        return PooledMethod(self.stream(method), RequestReceiver(calls, self._pool, timeout_s))

    def stream(self, method: Callable[[Q, grpc.ServicerContext], Iterator[R]]) -> PooledMethod[Q, Iterator[R]]:
        """Return a method that runs in the pool, responds many times and may wait in between."""

        def bounded(request: Q, context: grpc.ServicerContext) -> Iterator[R]:
            if not self._streams.enter():
                context.abort_with_status(status_of(Overloaded("too many streams at once"), "stream"))
            try:
                yield from method(request, context)
            finally:
                self._streams.leave()

        return PooledMethod(bounded, self._pool)

    def close(self) -> None:
        """Wait until all threads have ended."""
        self._pool.shutdown()
