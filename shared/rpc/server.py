"""The gRPC server of a process: its services, health and reflection on one port."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from shared.rpc import health_service
from shared.rpc.call_pool import CallPool
from shared.rpc.call_telemetry import CallTelemetry
from shared.rpc.health_service import HealthService
from shared.rpc.method_router import Method, MethodRouter, Refusal
from shared.rpc.reflection import reflection_handlers
from shared.rpc.side_pool import SidePool
from shared.rpc.streaming import streaming_method
from shared.rpc.unary import unary_method
from shared.runtime.health import Health
from shared.runtime.lifecycle import STEP_TIMEOUT_S, Lifecycle
from shared.runtime.ports import Endpoint, require_free
from shared.runtime.telemetry import Telemetry

log = logging.getLogger(__name__)

REQUEST_BYTES_MAX = 4 * 1024 * 1024
"""Maximum size of a request. 1,000 events with the longest ids in four-byte characters have 1.4 MB."""

STREAMS_PER_CONNECTION_MAX = 1_000
"""Maximum number of calls in progress on one connection; the caller's library holds back the rest."""

PENDING_CALLS_MAX = 10_000
"""Maximum number of calls that gRPC holds before its Python part accepts them. Beyond its default of 1,000 it cancels
some without a reason; `shared.rpc.call_pool` bounds them and tells callers why."""

_OPTIONS: Mapping[str, int] = {
    "grpc.server.max_pending_requests": PENDING_CALLS_MAX,
    "grpc.server.max_pending_requests_hard_limit": 2 * PENDING_CALLS_MAX,
    "grpc.max_receive_message_length": REQUEST_BYTES_MAX,
    "grpc.max_concurrent_streams": STREAMS_PER_CONNECTION_MAX,
    # A caller that vanished is detected within 80 s, and its calls end.
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.keepalive_permit_without_calls": 1,
    # Callers may ping at this interval.
    "grpc.http2.min_ping_interval_without_data_ms": 10_000,
}


@dataclass(frozen=True)
class ServiceBinding:
    """A service of the contract and the servicer that implements its methods."""

    descriptor: ServiceDescriptor
    servicer: object


class Server:
    """A synchronous gRPC server. `shared.rpc.unary` describes the layers around each call."""

    def __init__(
        self,
        endpoint: Endpoint,
        bindings: Sequence[ServiceBinding],
        *,
        threads: int,
        streams: int = 0,
        health: Health,
        telemetry: Telemetry,
    ) -> None:
        """Run up to `threads` calls at once, beside up to `streams` open streams."""
        self._endpoint = endpoint
        self._pool = CallPool(threads, "call")
        telemetry.gauge("rpc_calls_in_progress", "Calls in progress.", lambda: self._pool.in_use)
        telemetry.gauge("rpc_calls_waiting", "Calls that wait for a thread.", lambda: self._pool.waiting)
        # Streams last long: one that finds no idle thread would wait in vain.
        self._stream_pool = CallPool(streams, "stream", waiting_max=0)
        telemetry.gauge("rpc_streams_open", "Open streams.", lambda: self._stream_pool.in_use)
        self._side_pool = SidePool()
        options = {**_OPTIONS, "grpc.so_reuseport": int(endpoint.shared)}
        names = [binding.descriptor.full_name for binding in bindings]
        calls = CallTelemetry(telemetry)
        handlers: list[grpc.GenericRpcHandler] = [MethodRouter(self._methods(bindings, calls))]
        handlers.append(HealthService(health).handler(self._side_pool))
        handlers += reflection_handlers([*names, health_service.SERVICE_NAME], self._side_pool)
        self._server = grpc.server(self._pool, handlers, options=list(options.items()))

    def start(self) -> int:
        """Listen and return the port. Raise `PortUnavailable` if it is taken."""
        if not self._endpoint.shared:
            require_free(self._endpoint)
        try:
            port = self._server.add_insecure_port(str(self._endpoint))
        except RuntimeError:
            raise self._endpoint.unavailable() from None
        self._pool.start()
        self._stream_pool.start()
        self._server.start()
        return port

    def stop(self, grace_s: float) -> None:
        """Accept no new calls, wait `grace_s` for those in progress, cancel the rest, and wait for all threads."""
        self._server.stop(grace_s).wait()
        self._pool.close()
        self._stream_pool.close()
        self._side_pool.close()

    def _methods(self, bindings: Sequence[ServiceBinding], calls: CallTelemetry) -> dict[str, Method]:
        return {
            f"{binding.descriptor.full_name}/{method.name}": self._method(binding, method, calls)
            for binding in bindings
            for method in binding.descriptor.methods
        }

    def _method(self, binding: ServiceBinding, method: MethodDescriptor, calls: CallTelemetry) -> Method:
        name = f"{binding.descriptor.full_name}/{method.name}"
        implementation = getattr(binding.servicer, method.name)
        request_type = GetMessageClass(method.input_type)
        measured = calls.of_method(name)
        if method.client_streaming:
            refusal = Refusal(name, "streams", measured)
            streaming = streaming_method(name, implementation, request_type, self._stream_pool, calls)
            return Method(grpc.stream_stream_rpc_method_handler(streaming), self._stream_pool, refusal.handler())
        refusal = Refusal(name, "calls", measured)
        unary = unary_method(name, implementation, request_type, refusal, calls)
        return Method(grpc.stream_unary_rpc_method_handler(unary), self._pool, refusal.handler())


def serve(
    server: Server,
    health: Health,
    lifecycle: Lifecycle,
    grace_s: float,
    end_streams: Callable[[], None] = lambda: None,
) -> int:
    """Start the server and return its port.

    On shutdown the process first reports NOT_SERVING, then ends open streams, then waits `grace_s` for calls to end.
    """
    port = server.start()
    lifecycle.on_stop("calls", lambda: server.stop(grace_s), timeout_s=grace_s + STEP_TIMEOUT_S)
    lifecycle.on_stop("streams", end_streams)
    lifecycle.on_stop("health", health.leave)
    log.info("serving", extra={"port": port})
    return port
