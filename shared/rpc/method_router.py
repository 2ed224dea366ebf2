"""Routing of calls to their methods, or to a refusal where there is no room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import grpc

from shared.domain.errors import ChallengeError
from shared.rpc.call_pool import run_in
from shared.rpc.call_telemetry import MethodTelemetry
from shared.rpc.carried_time import carries_time
from shared.rpc.statuses import status_of


class InlineExecutor(ThreadPoolExecutor):
    """An executor without threads: the submitting thread runs the task. For tasks that never wait."""

    def __init__(self) -> None:
        super().__init__(1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the task now and return its completed future. An exception of the task is raised here."""
        ended: Future[Any] = Future()
        ended.set_result(fn(*args, **kwargs))
        return ended


INLINE = InlineExecutor()

Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


@dataclass(frozen=True)
class Method:
    """A method: its handler, the handler that refuses a call of it, and whether there is room for one more call."""

    handler: Handler
    refusing: Handler
    has_room: Callable[[], bool]
    refusing_time: Handler | None
    """The handler that refuses a call that carries its instant; None where calls may."""


class MethodRouter(grpc.GenericRpcHandler):
    """The handlers of all methods by path. gRPC's own thread looks one up for each call."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        """`methods` by their full names, such as `challenge.v1.EventService/ReportEvent`."""
        self._methods = {f"/{name}": method for name, method in methods.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the method's handler if there is room, else its refusal; None for methods of other services."""
        method = self._methods.get(handler_call_details.method)
        if method is None:
            return None
        if method.refusing_time is not None and carries_time(handler_call_details.invocation_metadata):
            return method.refusing_time
        return method.handler if method.has_room() else method.refusing


Requests = Iterator[bytes]


class Refusal:
    """The refusal of a method's calls, before their request is read."""

    def __init__(self, name: str, error: ChallengeError, measured: MethodTelemetry) -> None:
        """`name` is the method's full name; `error` is what each call ends with."""
        # Built once: it would be a good part of the cost of a refusal.
        self._status = status_of(error, name)
        self._measured = measured

    def refuse(self, context: grpc.ServicerContext) -> NoReturn:
        """End the call."""
        self._measured.failed(self._status.code, 0.0)
        context.abort_with_status(self._status)

    def handler(self) -> Handler:
        """Return a handler that refuses calls in the thread that accepts them."""

        def refuse(_requests: Requests, context: grpc.ServicerContext) -> bytes:
            self.refuse(context)

        # Whatever the method expects: a stream of requests is handed over before the first has arrived.
        return grpc.stream_unary_rpc_method_handler(run_in(INLINE, refuse))
