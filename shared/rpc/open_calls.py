"""Calls that wait for their caller: for a request that has not arrived, or for a response to be read.

A request is received before its call gets a thread. A call without a request holds only memory, and not for long:

- A call whose request has not arrived within its limit is ended.
- Beyond `BODIES_MAX` waiting calls, the longest waiting ones of the connection with the most of them are ended, if they
  have waited for `BODY_YIELD_S`; beyond twice as many, whatever they have waited. A new call is never refused for it:
  those who send their requests at once do not notice.
- gRPC keeps the part of a request that has arrived: 100 half-sent requests of 4 MB held 400 MB. Where requests may be
  large, `BODIES_BYTES_MAX` limits the calls that have waited for `BODY_YIELD_S` to fewer.
- Responses that are not read are bounded by `shared.rpc.unread_responses`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from typing import Any, Final

import grpc

from shared.domain.errors import Overloaded, RequestTimedOut
from shared.rpc.accepted_connections import AcceptedConnections
from shared.rpc.call_pool import SUBMITTED
from shared.rpc.caller_gate import MethodGate
from shared.rpc.grpc_internals import ServerCall
from shared.rpc.statuses import status_of
from shared.rpc.unread_responses import HeldCalls, UnreadResponses
from shared.runtime.telemetry import Telemetry

log = logging.getLogger(__name__)

BODIES_MAX = 1_000
"""Number of calls in one worker that may wait for their requests without having to yield."""

BODIES_BYTES_MAX = 512 * 1024 * 1024
"""Maximum number of bytes in one worker that requests may have, if all but their last bytes have arrived."""

BODY_YIELD_S = 0.2
"""Time in seconds after which a call without a request may be ended in favour of a new call."""

_YIELDED_AT_ONCE = 4
"""One in this many of the calls that may wait is ended at once, so that a flood does not search with every call."""

_SEARCH_INTERVAL_S = 0.02
_INTERVAL_S = 0.2


class OpenCalls:
    """The calls of a server, watched by one thread."""

    def __init__(self, telemetry: Telemetry, request_bytes_max: int, connections: AcceptedConnections) -> None:
        """`request_bytes_max` is the size of the largest request."""
        self._slow_bodies_max = min(BODIES_MAX, max(1, BODIES_BYTES_MAX // request_bytes_max))
        self._open: set[ServerCall] = set()
        self._bodies: dict[ServerCall, float] = {}
        self._searched_at = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="open calls", daemon=True)
        telemetry.gauge("rpc_calls_awaiting_body", "Calls whose request has not arrived.", lambda: len(self._bodies))
        self._ended = telemetry.counter(
            "rpc_slow_callers",
            "Calls ended because of their caller: `body` did not arrive in time, `yield` to other calls, `unread`.",
            labels=("reason",),
        )
        self._yielded = status_of(Overloaded("too many calls wait for their requests"), "any")
        self._unread = UnreadResponses(
            connections, self._ended.labels("unread").inc, read=lambda peer: self._held.release(peer)
        )
        self._held = HeldCalls(self._unread, self._refuse_unread)
        telemetry.gauge(
            "rpc_calls_held", "Calls that wait until their connection has read responses.", lambda: self._held.count
        )
        telemetry.gauge(
            "rpc_unread_bytes", "Bytes of responses that are not yet written.", lambda: self._unread.total_bytes
        )
        self._not_read = status_of(Overloaded("too many responses on this connection are not read"), "any")

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._thread.join()

    def begin(self, call: ServerCall, timeout_s: float, received: Callable[[bytes | None], None]) -> None:
        """Receive the request of a new call and call `received` with it, or with None if the call ends without one.

        If too many responses on its connection are unread, the call is held until they are read, or refused. The
        request must arrive within `timeout_s` seconds.
        """
        self._open.add(call)
        if not call.on_end(partial(self._discard, call)):
            self._discard(call)
        if not self._held.hold(call, partial(self._receive, call, timeout_s, received)):
            self._receive(call, timeout_s, received)

    def _receive(self, call: ServerCall, timeout_s: float, received: Callable[[bytes | None], None]) -> None:
        call.waiting_since = time.monotonic()
        if len(self._bodies) >= self._slow_bodies_max:
            self._make_room(call.waiting_since)
        self._bodies[call] = timeout_s
        if not call.receive(received):
            self._bodies.pop(call, None)

    def received(self, call: ServerCall) -> bool:
        """Note that the request has arrived. Return False if the call was ended before."""
        return self._bodies.pop(call, None) is not None

    def _refuse_unread(self, call: ServerCall) -> None:
        if call.end(self._not_read):
            self._ended.labels("unread").inc()

    def _discard(self, call: ServerCall) -> None:
        self._open.discard(call)
        self._unread.note_end(call)

    def responds(self, call: ServerCall, response: bytes) -> bytes:
        """Count the bytes of a response as unread until they are written, and return the response."""
        return self._unread.count(call, response)

    def _make_room(self, now: float) -> None:
        """End the longest waiting calls of the connections with the most of them."""
        is_urgent = len(self._bodies) >= 2 * BODIES_MAX
        if not is_urgent and now - self._searched_at < _SEARCH_INTERVAL_S:
            return
        self._searched_at = now
        by_peer: dict[str, list[ServerCall]] = defaultdict(list)
        for call in list(self._bodies):
            by_peer[call.peer].append(call)
        # Calls wait in the order in which they came.
        connections = sorted(by_peer.values(), key=len, reverse=True)
        excess = 0 if is_urgent else len(self._bodies) - self._slow_bodies_max
        for call in islice(
            chain.from_iterable(connections), excess + max(1, self._slow_bodies_max // _YIELDED_AT_ONCE)
        ):
            if is_urgent or now - call.waiting_since >= BODY_YIELD_S:
                self._end(call, self._yielded, "yield")

    def _end(self, call: ServerCall, status: grpc.Status, reason: str) -> None:
        if self._bodies.pop(call, None) is not None:
            self._ended.labels(reason).inc()
            call.end(status)

    def _watch(self) -> None:
        while not self._stopped.wait(_INTERVAL_S):
            try:
                self._pass(time.monotonic())
            except Exception:
                log.exception("unhandled exception in the watcher of open calls")

    def _pass(self, now: float) -> None:
        for call, timeout_s in list(self._bodies.items()):
            if now - call.waiting_since >= timeout_s:
                error = RequestTimedOut(f"the request did not arrive within {timeout_s:g} s")
                self._end(call, status_of(error, "any"), "body")
        if len(self._bodies) > self._slow_bodies_max:
            self._make_room(now)
        self._unread.bound(now, list(self._open))
        self._held.one_pass(now)


NO_REQUEST: Final = b"\0no request"
"""Stands for the request of a call that ended without one. Compared by identity: a request is another object."""


class RequestReceiver(ThreadPoolExecutor):
    """The executor of a method with one request. It receives the request, then submits the call to a pool.

    gRPC submits a call with a function that waits for the request in the call's thread. That function is replaced by
    one that returns the received request. The function that encodes the response is replaced by one that also counts
    its bytes.
    """

    def __init__(
        self, calls: OpenCalls, pool: ThreadPoolExecutor, timeout_s: float, gate: MethodGate | None = None
    ) -> None:
        """`timeout_s` is the time in which the request must arrive.

        With a `gate`, callers are authenticated, authorized and held to their limits before that.
        """
        # An executor has at least one thread. It is never started.
        super().__init__(1)
        self._calls = calls
        self._pool = pool
        self._timeout_s = timeout_s
        self._gate = gate

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_kwargs: Any) -> Future[Any]:
        """Receive the request of a call. The returned future is shared and says nothing about this call."""
        respond, rpc_event, state, behavior, _wait_for_request, parse, serialize = args
        call = ServerCall(rpc_event, state)
        if self._gate is not None:
            if not self._gate.admits(call):
                return SUBMITTED
            behavior = self._gate.as_caller(call, behavior)

        def received(raw: bytes | None) -> None:
            if self._calls.received(call):
                request = NO_REQUEST if raw is None else raw
                self._pool.submit(fn, respond, rpc_event, state, behavior, lambda: request, parse, counted)

        def counted(response: Any) -> bytes:
            return self._calls.responds(call, response if serialize is None else serialize(response))

        self._calls.begin(call, self._timeout_s, received)
        return SUBMITTED
