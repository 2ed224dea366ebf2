"""A gRPC server with given methods, as a target of the load generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from bench.load import Run
from load_generator.plan import ClosedLoop, OpenLoop, Plan, RunLength
from load_generator.run import play

SERVICE = "test.Service"

Method = Callable[[bytes, grpc.ServicerContext], bytes]


@contextmanager
def serving(methods: Mapping[str, Method], *, threads: int = 8) -> Iterator[int]:
    """Yield the port of a server whose methods take and return bytes; Stream before a name calls it on a stream."""
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {}
    for name, method in methods.items():
        handlers[name] = grpc.unary_unary_rpc_method_handler(method)
        handlers[f"Stream{name}"] = grpc.stream_stream_rpc_method_handler(
            lambda requests, context, method=method: (method(request, context) for request in requests)
        )
    handler = grpc.method_handlers_generic_handler(SERVICE, handlers)
    pool = ThreadPoolExecutor(threads)
    server = grpc.server(pool, [handler], options=[("grpc.max_receive_message_length", -1)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()
        pool.shutdown()


def played(
    port: int,
    method: str,
    requests: Sequence[bytes],
    pace: OpenLoop | ClosedLoop,
    *,
    seconds: float = 5.0,
    repeat: bool = False,
) -> Run:
    """Play requests with the generator; every response is kept."""
    plan = Plan(
        ports=[port],
        methods=[(0, f"{SERVICE}/{method}")],
        requests=[(0, request) for request in requests],
        pace=pace,
        length=RunLength(warm_up_s=0.0, measured_s=seconds),
        repeat=repeat,
        keep_every=[1],
    )
    return Run(play(plan))


def called(channel: grpc.Channel, method: str, request: bytes) -> bytes:
    """Return the response that gRPC's own client gets."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{SERVICE}/{method}")
    return call(request, timeout=60)
