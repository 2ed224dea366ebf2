"""A real server with scripted methods, for tests of the layers around a servicer."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import pytest
from challenge.v1 import challenge_service_pb2
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc_status import rpc_status

from shared.rpc.limits import Limits
from shared.rpc.server import Server, ServiceBinding
from shared.runtime.development_clock import DevelopmentClock
from shared.runtime.health import Health
from shared.runtime.ports import Endpoint
from shared.runtime.telemetry import Telemetry
from tests.support.tls_tunnel import tunnel_to

SERVICE = challenge_service_pb2.DESCRIPTOR.services_by_name["ChallengeService"]
METHOD = f"/{SERVICE.full_name}/InitializePlayer"

Method: TypeAlias = Callable[[Any, grpc.ServicerContext], Any]


@dataclass
class Transport:
    """The transport of servers of `listening`. With TLS, callers speak plaintext to a tunnel to the server."""

    credentials: grpc.ServerCredentials | None = None
    trusting: ssl.SSLContext | None = None


TRANSPORT = Transport()


class Scripted:
    """A servicer with a given `InitializePlayer`; its other methods do nothing."""

    def __init__(self, reply: Method) -> None:
        for method in SERVICE.methods:
            setattr(self, method.name, reply if method.name == "InitializePlayer" else empty)


def empty(request: object, context: object) -> bytes:  # noqa: ARG001 - the signature of a method
    """Return an empty response."""
    return b""


@contextmanager
def running(
    reply: Method = empty,
    *,
    threads: int = 8,
    health: Health | None = None,
    telemetry: Telemetry | None = None,
    limits: Limits | None = None,
    development: DevelopmentClock | None = None,
) -> Iterator[grpc.Channel]:
    """Run a server on a free port and yield a channel to it."""
    with (
        listening(
            reply, threads=threads, health=health, telemetry=telemetry, limits=limits, development=development
        ) as port,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield channel


@contextmanager
def listening(
    reply: Method = empty,
    *,
    threads: int = 8,
    health: Health | None = None,
    telemetry: Telemetry | None = None,
    limits: Limits | None = None,
    development: DevelopmentClock | None = None,
) -> Iterator[int]:
    """Run a server on a free port and yield the port."""
    server = Server(
        Endpoint("127.0.0.1", 0, setting="CHALLENGE_PORT"),
        [ServiceBinding(SERVICE, Scripted(reply))],
        threads=threads,
        health=health or Health([SERVICE.full_name]),
        telemetry=telemetry or Telemetry(),
        limits=limits,
        development=development,
        credentials=TRANSPORT.credentials,
    )
    port = server.start()
    try:
        with ExitStack() as stack:
            yield port if TRANSPORT.trusting is None else stack.enter_context(tunnel_to(port, TRANSPORT.trusting))
    finally:
        server.stop(0)


def start(channel: grpc.Channel, method: str, raw: bytes = b"", *, timeout: float | None = 5.0, **options: Any) -> Any:
    """Start a call with raw bytes in and out, and return its future."""
    call: Any = channel.unary_unary(method)
    return call.future(raw, timeout=timeout, **options)


def code_of(channel: grpc.Channel, method: str, raw: bytes = b"", **options: Any) -> grpc.StatusCode:
    """Return the status code of a call."""
    call = start(channel, method, raw, **options)
    call.exception()
    code: grpc.StatusCode = call.code()
    return code


def initialize(channel: grpc.Channel, raw: bytes = b"", **options: Any) -> bytes:
    """Call `InitializePlayer` with raw bytes in and out."""
    response: bytes = start(channel, METHOD, raw, **options).result()
    return response


def failure_of(channel: grpc.Channel, raw: bytes = b"", **options: Any) -> Any:
    """Return the error with which a call of `InitializePlayer` fails."""
    with pytest.raises(grpc.RpcError) as raised:
        initialize(channel, raw, **options)
    return raised.value


def details_of(error: Any) -> Mapping[type, Any]:
    """Return the details of a failed call, by their type."""
    return _unpacked(rpc_status.from_call(error))


def details_of_status(status: grpc.Status) -> Mapping[type, Any]:
    """Return the details of a status that a server sends, by their type."""
    ((_, encoded),) = status.trailing_metadata or ()
    return _unpacked(Status.FromString(encoded))


def _unpacked(status: Any) -> Mapping[type, Any]:
    found = {}
    for kind in (ErrorInfo, BadRequest, RetryInfo):
        for packed in status.details:
            if packed.Is(kind.DESCRIPTOR):
                found[kind] = kind.FromString(packed.value)
    return found
