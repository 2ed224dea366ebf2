"""The services that every gRPC server has: health and reflection.

`grpc_health.v1.health.HealthServicer` is not used, for two reasons. Its `set` holds a lock while it waits for gRPC's
polling thread to send to each watcher, and the polling thread takes that lock when a watcher goes away; when both
happen at once, the whole server deadlocks. And its watches end only when the caller ends them, so each would delay the
end of the process by the whole grace period.

By reflection callers such as grpcurl read the contract from the server. The Python package has only the older name of
the protocol. The newer one has the same messages and field numbers
(https://github.com/grpc/grpc/blob/master/doc/server-reflection.md), so one servicer serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from shared.domain.errors import InvalidRequest
from shared.rpc.call_layers import parsed
from shared.rpc.call_pool import run_in
from shared.rpc.caller_gate import MethodGate
from shared.rpc.open_calls import RequestReceiver
from shared.rpc.side_pool import SidePool
from shared.rpc.statuses import status_of
from shared.runtime.health import Health

HEALTH: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


Watch = Callable[[bytes, grpc.ServicerContext], Iterator[HealthCheckResponse]]


class HealthService:
    """The service, backed by the last results in `Health`; a call runs no probe."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def handler(self, checks: RequestReceiver, watches: Callable[[Watch], Watch]) -> grpc.GenericRpcHandler:
        """Return the handler of the methods. `checks` runs nothing else; `watches` assigns a pool to watches."""
        return grpc.method_handlers_generic_handler(
            HEALTH,
            {
                "Check": grpc.unary_unary_rpc_method_handler(
                    run_in(checks, partial(self.check)), None, HealthCheckResponse.SerializeToString
                ),
                "Watch": grpc.unary_stream_rpc_method_handler(
                    watches(self.watch), None, HealthCheckResponse.SerializeToString
                ),
            },
        )

    def check(self, raw: bytes, context: grpc.ServicerContext) -> HealthCheckResponse:
        """Return whether the named service serves; abort with NOT_FOUND for an unknown name."""
        serving = self._health.serving(_requested(raw, context))
        if serving is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return _response(serving)

    def watch(self, raw: bytes, context: grpc.ServicerContext) -> Iterator[HealthCheckResponse]:
        """Yield whether the named service serves, now and at every change, until the process stops."""
        # A watch that was ended in favour of another one leaves its thread at once.
        context.add_callback(self._health.wake)
        for serving in self._health.changes(_requested(raw, context), context.is_active):
            yield _response(serving)


def _requested(raw: bytes, context: grpc.ServicerContext) -> str:
    try:
        return parsed(HealthCheckRequest, raw).service
    except InvalidRequest as error:
        context.abort_with_status(status_of(error, HEALTH))


def _response(serving: bool | None) -> HealthCheckResponse:
    if serving is None:
        return HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
    return HealthCheckResponse(status=HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING)


NEWER_REFLECTION = "grpc.reflection.v1.ServerReflection"


def reflection_handlers(
    services: Sequence[str], pool: SidePool, gate: MethodGate | None = None
) -> list[grpc.GenericRpcHandler]:
    """Return the handlers of gRPC server reflection for `services` (full names) and itself, run in `pool`.

    With a `gate` callers are authenticated, authorized and held to their limits.
    """
    servicer = reflection.ReflectionServicer([*services, reflection.SERVICE_NAME])
    method = grpc.stream_stream_rpc_method_handler(
        pool.stream(servicer.ServerReflectionInfo, gate), _parsed, ServerReflectionResponse.SerializeToString
    )
    return [
        grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})
        for name in (reflection.SERVICE_NAME, NEWER_REFLECTION)
    ]


def _parsed(raw: bytes) -> ServerReflectionRequest:
    """Parse a request; malformed bytes become an empty one, to which the servicer responds with an invalid argument.

    A request for the file of a method becomes one for the file of its service: descriptor pools find no methods,
    for which callers such as ghz ask.
    """
    try:
        request = ServerReflectionRequest.FromString(raw)
    except DecodeError:
        return ServerReflectionRequest()
    with suppress(KeyError):
        method = descriptor_pool.Default().FindMethodByName(request.file_containing_symbol)
        request.file_containing_symbol = method.containing_service.full_name
    return request
