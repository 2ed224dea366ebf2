"""An event handler that does what a test says, and a broker in memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.event_service_pb2_grpc import EventServiceServicer, add_EventServiceServicer_to_server

from event_source.broker import Done
from event_source.contiguous import Contiguous
from event_source.message import Message

Script = Callable[[int, rpc.ReportEventsRequest], rpc.ReportEventsResponse | grpc.StatusCode]
"""Returns the response to a call, given its number from 0, or the status that it fails with."""


class ScriptedHandler(EventServiceServicer):
    """Responds by a script, and keeps the requests that succeeded."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._lock = threading.Lock()
        self.calls = 0
        self.keys: list[str] = []
        self.reported: list[rpc.Event] = []

    def ReportEvents(  # noqa: N802 - the contract's
        self, request: rpc.ReportEventsRequest, context: grpc.ServicerContext
    ) -> rpc.ReportEventsResponse:
        """Respond to a call."""
        with self._lock:
            number, self.calls = self.calls, self.calls + 1
            self.keys += [str(value) for name, value in context.invocation_metadata() if name == "authorization"]
            reply = self._script(number, request)
            if isinstance(reply, rpc.ReportEventsResponse):
                self.reported += request.events
        if isinstance(reply, grpc.StatusCode):
            context.abort(reply, "as the test says")
        return reply

    def ReportEvent(self, request: rpc.ReportEventRequest, context: grpc.ServicerContext) -> rpc.ReportEventResponse:  # noqa: N802
        """Fail: no source calls it."""
        raise NotImplementedError

    def StreamEvents(  # noqa: N802
        self, request_iterator: Iterator[rpc.StreamEventsRequest], context: grpc.ServicerContext
    ) -> Iterator[rpc.StreamEventsResponse]:
        """Fail: no source calls it."""
        raise NotImplementedError


@contextmanager
def serving(handler: ScriptedHandler) -> Iterator[str]:
    """Serve on a free port, and yield the target."""
    with ThreadPoolExecutor(8) as threads:
        server = grpc.server(threads)
        add_EventServiceServicer_to_server(handler, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


class MemoryBroker:
    """One partition, and dead letters, of which the first are not confirmed."""

    def __init__(self, messages: Sequence[Message], letters_refused: int = 0) -> None:
        self._waiting = deque(messages)
        self._tracker = Contiguous()
        self._letters_refused = letters_refused
        self.letters: list[tuple[str, str, str]] = []
        """Position, verdict and reason of each dead letter."""
        self.committed: list[int] = []
        self.held = 0
        self.open_max = 0
        self.is_closed = False

    def receive(self, count_max: int, bytes_max: int, timeout_s: float) -> Sequence[Message]:  # noqa: ARG002
        received = [self._waiting.popleft() for _ in range(min(count_max, len(self._waiting)))]
        if not received:
            threading.Event().wait(timeout_s)
        for message in received:
            self._tracker.take(message.origin)
        self.open_max = max(self.open_max, len(self._tracker))
        return received

    def hold(self) -> None:
        self.held += 1

    def settle(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._tracker.settle(message.origin)

    def dead_letter(self, message: Message, verdict: str, reason: str, done: Done) -> None:
        if self._letters_refused:
            self._letters_refused -= 1
            done("no leader")
            return
        self.letters.append((message.position, verdict, reason))
        done(None)

    def open_messages(self) -> int:
        return len(self._tracker)

    def commit(self) -> None:
        self.committed.append(self._tracker.position or 0)

    def lag(self) -> int | None:
        return len(self._waiting)

    def problem(self) -> str | None:
        return None

    def close(self, timeout_s: float) -> None:  # noqa: ARG002
        self.commit()
        self.is_closed = True
