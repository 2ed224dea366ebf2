"""A gRPC server without anything of this project: every method answers the same bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc

from devstack.ports import LOOPBACK


class AnyMethod(grpc.GenericRpcHandler):
    """Answers every call of every unary method, whatever it asks."""

    def __init__(self, answer: bytes) -> None:
        self._handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
            lambda _request, _context: answer
        )

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:  # noqa: ARG002
        """The handler of a method: the same for all."""
        return self._handler


def start_bare(answer_bytes: int, threads: int) -> tuple[grpc.Server, int]:
    """Start the server; answers it, since one that nobody holds stops, and its port."""
    server = grpc.server(ThreadPoolExecutor(threads), [AnyMethod(bytes(answer_bytes))])
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    server.start()
    return server, port
