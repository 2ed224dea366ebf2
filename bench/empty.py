"""`python -m bench.empty`: gRPC's synchronous server with an empty handler, which the services are compared with.

No Python service behind gRPC can be faster.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor

import grpc

from devstack.ports import LOOPBACK
from shared.runtime.signals import hold_stop_signals, wait_for_stop_signal


class AnyMethod(grpc.GenericRpcHandler):
    """Responds to every unary method with the same bytes."""

    def __init__(self, response: bytes) -> None:
        self._handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
            lambda _request, _context: response
        )

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:  # noqa: ARG002
        """Return the same handler for every method."""
        return self._handler


def main() -> None:
    """Serve until a stop signal; the port is in a line of JSON on standard output, as the services log it."""
    parser = argparse.ArgumentParser(prog="python -m bench.empty", description=__doc__)
    parser.add_argument("--bytes", type=int, required=True, help="length of each response")
    parser.add_argument("--threads", type=int, required=True, help="threads that handle calls")
    arguments = parser.parse_args()
    hold_stop_signals()
    server = grpc.server(ThreadPoolExecutor(arguments.threads), [AnyMethod(bytes(arguments.bytes))])
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    server.start()
    print(json.dumps({"message": "serving", "port": port}), flush=True)
    wait_for_stop_signal()
    server.stop(None)


if __name__ == "__main__":
    main()
