"""`python -m bench.empty`: gRPC's synchronous server with an empty handler, which the services are compared with.

No Python service behind gRPC can be faster. With `--write` each call commits a prepared statement, alone in one round
trip: no service that stores these rows can be faster.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from queue import SimpleQueue

import grpc
import psycopg

from bench.database import text
from devstack.ports import LOOPBACK
from shared.runtime.signals import hold_stop_signals, wait_for_stop_signal


class AnyMethod(grpc.GenericRpcHandler):
    """Responds to every unary method with the same bytes."""

    def __init__(self, response: bytes, work: Callable[[], object]) -> None:
        """`work` is done before each response."""

        def respond(_request: bytes, _context: grpc.ServicerContext) -> bytes:
            work()
            return response

        self._handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(respond)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:  # noqa: ARG002
        """Return the same handler for every method."""
        return self._handler


def _writing(name: str, url: str, connections: int) -> Callable[[], object]:
    """Return a function that commits the statement of this name, with a number that no call had before."""
    idle: SimpleQueue[psycopg.Connection] = SimpleQueue()
    for _ in range(connections):
        connection = psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor, prepare_threshold=0)
        connection.execute("SET plan_cache_mode = force_generic_plan")
        idle.put(connection)
    numbers, statement = count(time.time_ns()), text(name).encode()

    def write() -> None:
        connection = idle.get()
        connection.execute(statement, [next(numbers)])
        idle.put(connection)

    return write


def main() -> None:
    """Serve until a stop signal; the port is in a line of JSON on standard output, as the services log it."""
    parser = argparse.ArgumentParser(prog="python -m bench.empty", description=__doc__)
    parser.add_argument("--bytes", type=int, required=True, help="length of each response")
    parser.add_argument("--threads", type=int, required=True, help="threads that handle calls")
    parser.add_argument("--write", nargs=3, metavar=("NAME", "URL", "CONNECTIONS"), help="the statement to commit")
    arguments = parser.parse_args()
    hold_stop_signals()
    name, url, connections = arguments.write or ("", "", "0")
    work = _writing(name, url, int(connections)) if name else int
    server = grpc.server(ThreadPoolExecutor(arguments.threads), [AnyMethod(bytes(arguments.bytes), work)])
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    server.start()
    print(json.dumps({"message": "serving", "port": port}), flush=True)
    wait_for_stop_signal()
    server.stop(None)


if __name__ == "__main__":
    main()
