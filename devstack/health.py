"""Readiness of a service by the gRPC health protocol."""

from __future__ import annotations

import socket

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

CONNECT_S = 1
CALL_S = 5.0


def is_serving(host: str, port: int) -> bool:
    """Return whether the service there reports SERVING for all of its contracts."""
    if not listens(host, port):
        return False
    # A proxy in the environment is for remote hosts.
    with grpc.insecure_channel(f"{host}:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            return health_check(channel)(HealthCheckRequest(), timeout=CALL_S).status == HealthCheckResponse.SERVING
        except grpc.RpcError:
            return False


def health_check(channel: grpc.Channel) -> grpc.UnaryUnaryMultiCallable[HealthCheckRequest, HealthCheckResponse]:
    """Return the method that checks the health of the service at the other end."""
    return channel.unary_unary(
        "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )


def listens(host: str, port: int) -> bool:
    """Return whether a program listens there."""
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError:
        return False
    return True
