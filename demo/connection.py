"""Channels to the services, once they say that they serve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from demo.errors import NothingAnswers, NotServing, OtherService

HEALTH_CHECK = "/grpc.health.v1.Health/Check"
CONNECT_TIMEOUT_S = 5.0

OPTIONS = (
    # The demo shows what each single call answers.
    ("grpc.enable_retries", 0),
    # A proxy in the environment is for the world outside; 127.0.0.1 would be the proxy's own.
    ("grpc.enable_http_proxy", 0),
)


@contextmanager
def connected(target: str, service: str, setting: str) -> Iterator[grpc.Channel]:
    """A channel to a target where a service serves; `setting` is the variable that names another target.

    Raises NothingAnswers, OtherService or NotServing.
    """
    with grpc.insecure_channel(target, options=OPTIONS) as channel:
        check: grpc.UnaryUnaryMultiCallable[HealthCheckRequest, HealthCheckResponse] = channel.unary_unary(
            HEALTH_CHECK, HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        try:
            response = check(HealthCheckRequest(service=service), timeout=CONNECT_TIMEOUT_S)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise NothingAnswers(target, setting) from error
            raise OtherService(target, service, setting) from error
        if response.status != HealthCheckResponse.SERVING:
            raise NotServing(target, service)
        yield channel
