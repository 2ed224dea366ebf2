"""Threads beside those of the calls, for health and reflection: they answer also when every other thread is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import grpc

from shared.domain.errors import Overloaded
from shared.rpc.admission import Admission
from shared.rpc.statuses import status_of

Q = TypeVar("Q")
R = TypeVar("R")

STREAMS_MAX = 64
"""Streams open at once, each of which parks a thread: a health watch for each channel of a caller that keeps one."""

_UNARY_THREADS = 2
# Beyond what streams can take: answers health checks and refuses further streams, neither of which ever waits.


class Beside(Generic[Q, R]):
    """A method that gRPC runs in another thread pool than the server's; gRPC looks for exactly this attribute."""

    def __init__(self, method: Callable[[Q, grpc.ServicerContext], R], pool: ThreadPoolExecutor) -> None:
        self.experimental_thread_pool = pool
        self._method = method

    def __call__(self, request: Q, context: grpc.ServicerContext) -> R:
        return self._method(request, context)


class SidePool:
    """The threads, and the bound on how many of them streams may take."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(STREAMS_MAX + _UNARY_THREADS, thread_name_prefix="side")
        self._streams = Admission(STREAMS_MAX)

    def unary(self, method: Callable[[Q, grpc.ServicerContext], R]) -> Beside[Q, R]:
        """A method that answers at once."""
        return Beside(method, self._pool)

    def stream(self, method: Callable[[Q, grpc.ServicerContext], Iterator[R]]) -> Beside[Q, Iterator[R]]:
        """A method that answers many times and may wait in between."""

        def bounded(request: Q, context: grpc.ServicerContext) -> Iterator[R]:
            if not self._streams.enter():
                context.abort_with_status(status_of(Overloaded("too many streams at once"), "stream"))
            try:
                yield from method(request, context)
            finally:
                self._streams.leave()

        return Beside(bounded, self._pool)

    def close(self) -> None:
        """Waits until all threads have ended."""
        self._pool.shutdown()
