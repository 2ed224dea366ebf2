"""Server reflection, by which callers such as grpcurl read the contract from the server.

The Python package has only the older name of the protocol. The newer one has the same messages and field numbers
(https://github.com/grpc/grpc/blob/master/doc/server-reflection.md), so one servicer serves both.
"""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha.reflection import SERVICE_NAME, ReflectionServicer
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from shared.rpc.side_pool import SidePool

NEWER_SERVICE_NAME = "grpc.reflection.v1.ServerReflection"


def reflection_handlers(services: Sequence[str], pool: SidePool) -> list[grpc.GenericRpcHandler]:
    """Return the handlers that reflect `services` (full names) and reflection itself, run in `pool`."""
    servicer = ReflectionServicer([*services, SERVICE_NAME])
    method = grpc.stream_stream_rpc_method_handler(
        pool.stream(servicer.ServerReflectionInfo), _parsed, ServerReflectionResponse.SerializeToString
    )
    return [
        grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})
        for name in (SERVICE_NAME, NEWER_SERVICE_NAME)
    ]


def _parsed(raw: bytes) -> ServerReflectionRequest:
    """Parse a request; malformed bytes become an empty one, to which the servicer responds with an invalid argument."""
    try:
        return ServerReflectionRequest.FromString(raw)
    except DecodeError:
        return ServerReflectionRequest()
