"""The layers around a servicer's streaming method, in the order of `shared.rpc.unary`.

A stream occupies a thread for as long as it is open. So streams have their own threads and their own bound, and never
take a thread from unary calls. When all of their threads are taken, idle ones yield (`shared.rpc.stream_pool`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from shared.rpc.call_pool import is_refusing, run_in
from shared.rpc.call_telemetry import CallTelemetry
from shared.rpc.method_router import Refusal
from shared.rpc.open_streams import OpenStream, current_stream
from shared.rpc.statuses import status_of
from shared.rpc.stream_pool import StreamPool

M = TypeVar("M", bound=Message)


def streaming_method(
    name: str,
    method: Callable[[Iterator[M], grpc.ServicerContext], Iterable[Message]],
    parse: Callable[[bytes], M],
    pool: StreamPool,
    refusal: Refusal,
    telemetry: CallTelemetry,
) -> Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]:
    """Wrap a servicer's method; `name` is its full name. Its measured duration is the time that the stream was open."""
    measured = telemetry.of_method(name)

    def responses(raw: Iterator[bytes], context: grpc.ServicerContext, stream: OpenStream) -> Iterator[bytes]:
        for response in method(_requests(parse, raw, stream), context):
            raw_response = response.SerializeToString()
            stream.responds()
            yield raw_response
            stream.responded()

    def call(raw: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        started = time.monotonic()
        if is_refusing():
            refusal.refuse(context)
        stream = current_stream()
        try:
            yield from responses(raw, context, stream)
        except Exception as error:
            if stream.has_yielded:
                measured.failed(grpc.StatusCode.RESOURCE_EXHAUSTED, time.monotonic() - started)
                stream.call.leave_ended()
            if not context.is_active():
                # The sender went away, and the error is a consequence of that.
                measured.failed(grpc.StatusCode.CANCELLED, time.monotonic() - started)
                return
            status = status_of(error, name)
            measured.failed(status.code, time.monotonic() - started)
            context.abort_with_status(status)
        if stream.has_yielded:
            measured.failed(grpc.StatusCode.RESOURCE_EXHAUSTED, time.monotonic() - started)
            stream.call.leave_ended()
        measured.succeeded(time.monotonic() - started)

    return run_in(pool, call)


def _requests(parse: Callable[[bytes], M], raw: Iterator[bytes], stream: OpenStream) -> Iterator[M]:
    """Yield the requests as they arrive. Raise `ConnectionAbortedError` when the sender goes away."""
    try:
        for message in raw:
            stream.received()
            yield parse(message)
    except grpc.RpcError as gone:
        # gRPC keeps the error beside the call, and its traceback refers back to the call. With that cycle the call
        # would live until the next garbage collection, and count against the streams that its connection may open.
        gone.__traceback__ = None
        raise ConnectionAbortedError("the caller disconnected") from None
