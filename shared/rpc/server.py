"""The gRPC server of a process: its services, health and reflection on one port."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from shared.domain.access import Callers
from shared.domain.caller_limits import Limit
from shared.domain.errors import Overloaded
from shared.rpc.accepted_connections import AcceptedConnections
from shared.rpc.call_layers import streaming_method, unary_method
from shared.rpc.call_pool import CallPool, run_in
from shared.rpc.call_telemetry import CallTelemetry
from shared.rpc.caller_gate import CallerGate, GuardedStreams, MethodGate
from shared.rpc.carried_time import NEEDS_CLOCK, streaming_in_time, unary_in_time
from shared.rpc.connection_bound import ConnectionBound
from shared.rpc.limits import Limits, channel_options
from shared.rpc.method_access import access_of
from shared.rpc.method_router import Handler, Method, MethodRouter, Refusal
from shared.rpc.open_calls import OpenCalls, RequestReceiver
from shared.rpc.open_streams import PATIENCE
from shared.rpc.request_limits import RequestParser, request_bytes_max
from shared.rpc.side_pool import SidePool
from shared.rpc.standard_services import HEALTH, HealthService, reflection_handlers
from shared.rpc.statuses import status_of
from shared.rpc.stream_pool import StreamPool
from shared.runtime.development_clock import DevelopmentClock
from shared.runtime.health import Health
from shared.runtime.lifecycle import STEP_TIMEOUT_S, Lifecycle
from shared.runtime.ports import Endpoint, require_free
from shared.runtime.telemetry import Telemetry

log = logging.getLogger(__name__)

HEALTH_THREADS = 2
"""Threads of health checks, which never wait and which nothing else may occupy."""


@dataclass(frozen=True)
class ServiceBinding:
    """A service of the contract and the servicer that implements its methods."""

    descriptor: ServiceDescriptor
    servicer: object


class Server:
    """A synchronous gRPC server. `shared.rpc.call_layers` describes the layers around each call."""

    def __init__(
        self,
        endpoint: Endpoint,
        bindings: Sequence[ServiceBinding],
        *,
        threads: int,
        streams: int = 0,
        limits: Limits | None = None,
        health: Health,
        telemetry: Telemetry,
        development: DevelopmentClock | None = None,
        credentials: grpc.ServerCredentials | None = None,
        callers: Callers | None = None,
        reflection: bool = True,
    ) -> None:
        """Run up to `threads` calls at once, in addition to up to `streams` open streams.

        With `credentials` the port speaks TLS. With `callers`, callers are authenticated, authorized and held to their
        limits before their request is received; those of health checks never are. With a `development` clock calls may
        carry their instant; without one they are refused if they do.
        """
        self._endpoint = endpoint
        self._limits = limits or Limits()
        self._development = development
        self._credentials = credentials
        self._gate = CallerGate(callers, telemetry) if callers is not None else None
        methods = [method for binding in bindings for method in binding.descriptor.methods]
        bytes_max = request_bytes_max(methods)
        self._connections = AcceptedConnections()
        self._connection_bound = ConnectionBound(self._connections, self._limits.connections_max, telemetry)
        self._open_calls = OpenCalls(telemetry, bytes_max, self._connections)
        self._pool = CallPool(threads, "call")
        telemetry.gauge("rpc_calls_in_progress", "Calls in progress.", lambda: self._pool.in_use)
        telemetry.gauge("rpc_calls_waiting", "Calls that wait for a thread.", lambda: self._pool.waiting)
        self._stream_pool = StreamPool(
            streams, "stream", status=_idle_status(), patience=PATIENCE, connections=self._connections
        )
        telemetry.gauge("rpc_streams_open", "Open streams.", lambda: self._stream_pool.in_use)
        telemetry.gauge("rpc_streams_waiting", "Streams that wait for a thread.", lambda: self._stream_pool.waiting)
        self._side_pool = SidePool(self._connections)
        self._health_pool = CallPool(HEALTH_THREADS, "health check")
        names = [binding.descriptor.full_name for binding in bindings]
        calls = CallTelemetry(telemetry)
        handlers: list[grpc.GenericRpcHandler] = [MethodRouter(self._methods(bindings, calls))]
        handlers.append(
            HealthService(health).handler(
                self._receiver(self._health_pool),
                lambda watch: self._side_pool.response_stream(watch, self._open_calls, self._limits.body_timeout_s),
            )
        )
        if reflection:
            gate = MethodGate(self._gate, "reflection", None, None) if self._gate is not None else None
            handlers += reflection_handlers([*names, HEALTH], self._side_pool, gate)
        options = channel_options(self._limits, endpoint, threads, bytes_max)
        self._server = grpc.server(self._pool, handlers, options=options)

    def start(self) -> int:
        """Listen and return the port. Raise `PortUnavailable` if it is taken."""
        if not self._endpoint.shared:
            require_free(self._endpoint)
        try:
            address = str(self._endpoint)
            if self._credentials is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, self._credentials)
        except RuntimeError:
            raise self._endpoint.unavailable() from None
        self._connections.port = port
        self._connection_bound.start()
        self._open_calls.start()
        self._pool.start()
        self._health_pool.start()
        self._stream_pool.start()
        self._side_pool.start()
        if self._gate is not None:
            self._gate.start([self._stream_pool, self._side_pool])
        self._server.start()
        return port

    def stop(self, grace_s: float) -> None:
        """Accept no new calls, wait `grace_s` for those in progress, cancel the rest, and wait for all threads."""
        self._server.stop(grace_s).wait()
        if self._gate is not None:
            self._gate.stop()
        self._open_calls.stop()
        self._connection_bound.stop()
        self._pool.close()
        self._health_pool.close()
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
        parser = RequestParser(method)
        measured = calls.of_method(name)
        access = access_of(method)
        counts_as = Limit.STREAMS if method.client_streaming else Limit.CALLS
        gate = MethodGate(self._gate, name, access, measured, counts_as) if self._gate is not None else None
        quotas = self._gate.quotas if self._gate is not None else None
        development = self._development
        refusing_time = Refusal(name, NEEDS_CLOCK, measured).handler() if development is None else None
        if method.client_streaming:
            if development is not None:
                implementation = streaming_in_time(implementation, development)
            refusal = Refusal(name, Overloaded("too many streams at once"), measured)
            pool = self._stream_pool if gate is None else GuardedStreams(self._stream_pool, gate)
            streaming = streaming_method(name, implementation, parser.parse, pool, refusal, calls, quotas)
            # The pool refuses streams itself.
            streams: Handler = grpc.stream_stream_rpc_method_handler(streaming)
            return Method(streams, refusal.handler(), lambda: True, refusing_time)
        if development is not None:
            implementation = unary_in_time(implementation, development)
        refusal = Refusal(name, Overloaded("too many calls at once"), measured)
        unary = unary_method(name, implementation, parser.parse, refusal, calls, access, quotas)
        pooled = run_in(self._receiver(self._pool, method.name, gate), unary)
        handler: Handler = grpc.unary_unary_rpc_method_handler(pooled)
        return Method(handler, refusal.handler(), lambda: self._pool.has_room, refusing_time)

    def _receiver(self, pool: CallPool, method: str = "", gate: MethodGate | None = None) -> RequestReceiver:
        timeout_s = self._limits.body_timeouts_s.get(method, self._limits.body_timeout_s)
        return RequestReceiver(self._open_calls, pool, timeout_s, gate)


def _idle_status() -> grpc.Status:
    return status_of(Overloaded("the stream was idle, and another one needed its place"), "stream")


def serve(
    server: Server,
    health: Health,
    lifecycle: Lifecycle,
    grace_s: float,
    end_streams: Callable[[], None] = lambda: None,
) -> int:
    """Start the server and return its port.

    On shutdown it ends watches of health, then open streams and calls that wait for something (`end_streams`), then
    waits `grace_s` for the other calls to end. Before all that, the process reports NOT_SERVING.
    """
    port = server.start()
    lifecycle.on_stop("calls", lambda: server.stop(grace_s), timeout_s=grace_s + 2 * STEP_TIMEOUT_S)
    lifecycle.on_stop("streams", end_streams)
    lifecycle.on_stop("watches", health.end_watches)
    log.info("serving", extra={"port": port})
    return port
