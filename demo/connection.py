"""Channels to services that report SERVING."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from demo.errors import DemoFailed
from shared.runtime.settings import setting

CONNECT_TIMEOUT_S = 5.0
OPTIONS = (
    # The demo shows the outcome of each single call.
    ("grpc.enable_retries", 0),
    # A proxy in the environment is for remote hosts; to a proxy, 127.0.0.1 is itself.
    ("grpc.enable_http_proxy", 0),
)


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """The addresses of the services as gRPC targets: host and port."""

    challenge_target: str = setting("CHALLENGE_TARGET", default="127.0.0.1:50051", help="The challenge service.")
    event_target: str = setting("EVENT_TARGET", default="127.0.0.1:50052", help="The event handler.")


@contextmanager
def connected(target: str, service: str, setting: str) -> Iterator[grpc.Channel]:
    """Yield a channel to a target where `service` is serving; `setting` is the variable that names the target.

    Raise DemoFailed if it is not.
    """
    with grpc.insecure_channel(target, options=OPTIONS) as channel:
        check: grpc.UnaryUnaryMultiCallable[HealthCheckRequest, HealthCheckResponse] = channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        try:
            response = check(HealthCheckRequest(service=service), timeout=CONNECT_TIMEOUT_S)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                message = f"nothing answers at {target}: start the services with `make run`, or set {setting}"
            else:
                message = f"the server at {target} does not serve {service}: set {setting}"
            raise DemoFailed(message) from error
        if response.status != HealthCheckResponse.SERVING:
            raise DemoFailed(f"{service} at {target} is not serving; its log says why")
        yield channel
