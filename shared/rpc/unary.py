"""What happens around a servicer's method, for every call that has one request and one response.

From the outside in, in this order and for all methods alike:

1. admission: a call waits for a thread, or is refused (`shared.rpc.call_pool`) before anything is spent on it;
2. trace: a call that is sampled gets a span, whatever becomes of it;
3. measure: every call is counted by its code and duration;
4. errors: whatever is raised inside becomes a status (`shared.rpc.statuses`);
5. deadline: a call whose caller has stopped listening is not begun;
6. parsing: bytes that are not such a message are the caller's fault;
7. the servicer's method, which returns a message, or its encoding if it has that already.

These are functions rather than gRPC interceptors, which would build the handler anew for every call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from shared.domain.errors import DeadlineExceeded, InvalidRequest
from shared.rpc.call_pool import is_refusing
from shared.rpc.call_telemetry import CallTelemetry
from shared.rpc.calls import Refusal
from shared.rpc.statuses import status_of

M = TypeVar("M", bound=Message)

RawMethod = Callable[[Iterator[bytes], grpc.ServicerContext], bytes]
"""A method as gRPC calls it: encoded request in, encoded response out.

The request comes as a stream of one, which gRPC hands over before it has come: so nothing is waited for on behalf of a
call that is refused.
"""

SERVER_FAULTS = frozenset({grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE})
"""Of the codes that we send, those that make a span an error; the rest is the caller's doing."""


def unary_method(
    name: str,
    method: Callable[[M, grpc.ServicerContext], Message | bytes],
    request_type: type[M],
    refusal: Refusal,
    telemetry: CallTelemetry,
) -> RawMethod:
    """Wraps a servicer's method; `name` is its full name, such as `challenge.v1.EventService/ReportEvent`."""
    tracing = telemetry.tracing
    measured = telemetry.of_method(name)
    no_request = status_of(InvalidRequest.of("request", "is missing"), name)

    def answered(raw: bytes, context: grpc.ServicerContext) -> bytes:
        if context.time_remaining() == 0:
            raise DeadlineExceeded("the deadline passed before the call was begun")
        response = method(parsed(request_type, raw), context)
        return response if isinstance(response, bytes) else response.SerializeToString()

    def outcome(raw: bytes, context: grpc.ServicerContext) -> bytes | grpc.Status:
        started = time.monotonic()
        try:
            response = answered(raw, context)
        except Exception as error:
            failure = status_of(error, name)
        else:
            measured.succeeded(time.monotonic() - started)
            return response
        measured.failed(failure.code, time.monotonic() - started)
        return failure

    def traced(raw: bytes, context: grpc.ServicerContext) -> bytes | grpc.Status:
        if tracing is None or (parent := tracing.parent_of(context.invocation_metadata())) is False:
            return outcome(raw, context)
        with tracing.span(name, parent) as span:
            result = outcome(raw, context)
            code = grpc.StatusCode.OK if isinstance(result, bytes) else result.code
            span.ended(code.value[0], server_fault=code in SERVER_FAULTS)
            return result

    def call(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        if is_refusing():
            refusal.refuse(context)
        try:
            raw = next(requests, None)
        except grpc.RpcError as gone:
            # The caller went away. Without its traceback, for the reason in `shared.rpc.streaming`.
            gone.__traceback__ = None
            measured.failed(grpc.StatusCode.CANCELLED, 0.0)
            return b""
        result = no_request if raw is None else traced(raw, context)
        if not isinstance(result, bytes):
            context.abort_with_status(result)
        return result

    return call


def parsed(request_type: type[M], raw: bytes) -> M:
    """The request; raises `InvalidRequest` for bytes that are no such message, or hold text that is not UTF-8."""
    try:
        return request_type.FromString(raw)
    except DecodeError:
        raise InvalidRequest.of("request", f"is not an encoded {request_type.DESCRIPTOR.full_name}") from None
