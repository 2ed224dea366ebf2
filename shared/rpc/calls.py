"""How calls of a service find their method, or their refusal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

import grpc

from shared.domain.errors import Overloaded
from shared.rpc.call_pool import CallPool, OnTheSpot
from shared.rpc.call_telemetry import MethodTelemetry
from shared.rpc.side_pool import Beside
from shared.rpc.statuses import status_of

ON_THE_SPOT = OnTheSpot()

Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


@dataclass(frozen=True)
class Method:
    """A method: how it is served, by which threads, and how a call of it is refused."""

    handler: Handler
    pool: CallPool
    refusing: Handler


class Calls(grpc.GenericRpcHandler):
    """Asked by gRPC's own thread for each call, by its path; what is answered is served without further ado."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        """`methods` by their full names, such as `challenge.v1.EventService/ReportEvent`."""
        self._methods = {f"/{name}": method for name, method in methods.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """The method if its pool has room for one more call, else the refusal; None for methods of other services."""
        method = self._methods.get(handler_call_details.method)
        if method is None:
            return None
        return method.handler if method.pool.has_room else method.refusing


Requests = Iterator[bytes]


class Refusal:
    """How calls of a method are refused: before their request is read."""

    def __init__(self, name: str, what: str, measured: MethodTelemetry) -> None:
        """`name` is the method's full name; there are too many of `what` at once."""
        # Built once: it would be a good part of what refusing a call costs.
        self._status = status_of(Overloaded(f"too many {what} at once"), name)
        self._measured = measured

    def refuse(self, context: grpc.ServicerContext) -> NoReturn:
        """End the call."""
        self._measured.failed(self._status.code, 0.0)
        context.abort_with_status(self._status)

    def handler(self) -> Handler:
        """Refuses calls in the thread that takes them in."""

        def refuse(_requests: Requests, context: grpc.ServicerContext) -> bytes:
            self.refuse(context)

        # Whatever the method expects: a stream of requests is handed over before the first has come.
        return grpc.stream_unary_rpc_method_handler(Beside(refuse, ON_THE_SPOT))
