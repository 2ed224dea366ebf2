"""Receiving the request of a call before the call gets a thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from shared.rpc.grpc_internals import ServerCall
from shared.rpc.open_calls import OpenCalls

NO_REQUEST: Final = b"\0no request"
"""Stands for the request of a call that ended without one. Compared by identity: a request is another object."""

_SUBMITTED: Future[Any] = Future()
_SUBMITTED.set_result(None)


class RequestReceiver(ThreadPoolExecutor):
    """The executor of a method with one request. It receives the request, then submits the call to a pool.

    gRPC submits a call with a function that waits for the request in the call's thread. That function is replaced by
    one that returns the received request. The function that encodes the response is replaced by one that also counts
    its bytes.
    """

    def __init__(self, calls: OpenCalls, pool: ThreadPoolExecutor, timeout_s: float) -> None:
        """`timeout_s` is the time in which the request must arrive."""
        # An executor has at least one thread. It is never started.
        super().__init__(1)
        self._calls = calls
        self._pool = pool
        self._timeout_s = timeout_s

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_kwargs: Any) -> Future[Any]:
        """Receive the request of a call. The returned future is shared and says nothing about this call."""
        respond, rpc_event, state, behavior, _wait_for_request, parse, serialize = args
        call = ServerCall(rpc_event, state)

        def received(raw: bytes | None) -> None:
            if self._calls.received(call):
                request = NO_REQUEST if raw is None else raw
                self._pool.submit(fn, respond, rpc_event, state, behavior, lambda: request, parse, counted)

        def counted(response: Any) -> bytes:
            return self._calls.responds(call, response if serialize is None else serialize(response))

        self._calls.begin(call, self._timeout_s, received)
        return _SUBMITTED
