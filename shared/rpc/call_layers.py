"""The layers around a servicer's unary and streaming methods.

Those of unary methods are the same for all methods, from the outside in:

1. callers: authentication, role and limits (`shared.rpc.caller_gate`), by the headers, before the request is received;
2. admission: the request is received (`shared.rpc.open_calls`), then the call waits for a thread, or is refused
   (`shared.rpc.call_pool`) before anything else is spent on it;
3. tracing: a sampled call gets a span, whatever its outcome;
4. metrics: every call is counted by its status code and duration, with the ids of its span if it is traced;
5. errors: an exception from inside becomes a status (`shared.rpc.statuses`);
6. deadline: a call whose caller has stopped listening is not begun;
7. parsing, within limits (`shared.rpc.request_limits`): malformed bytes are an invalid request;
8. the caller: one who speaks for one player may name no other, and one with limits may not exceed them
   (`shared.rpc.caller_quotas`);
9. the servicer's method, which returns a message or an encoded message.

These are functions rather than gRPC interceptors, which would build a new handler for every call.

A stream occupies a thread for as long as it is open. So streams have their own threads and their own bound, and never
take a thread from unary calls. When all of their threads are taken, idle ones yield (`shared.rpc.stream_pool`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from shared.domain.access import Access, Caller
from shared.domain.caller_errors import CallerLimitReached
from shared.domain.errors import DeadlineExceeded, InvalidRequest
from shared.rpc.call_pool import is_refusing, run_in
from shared.rpc.call_telemetry import FAULTS, CallTelemetry
from shared.rpc.caller_quotas import CREATES_PLAYERS, EVENTS_IN, CallerQuotas
from shared.rpc.method_router import Refusal
from shared.rpc.open_calls import NO_REQUEST
from shared.rpc.open_streams import OpenStream, current_stream
from shared.rpc.statuses import status_of

M = TypeVar("M", bound=Message)

RawMethod = Callable[[bytes, grpc.ServicerContext], bytes]
"""A method as gRPC calls it: encoded request or `NO_REQUEST` in, encoded response out."""


def unary_method(
    name: str,
    method: Callable[[M, grpc.ServicerContext], Message | bytes],
    parse: Callable[[bytes], M],
    refusal: Refusal,
    telemetry: CallTelemetry,
    access: Access,
    quotas: CallerQuotas | None = None,
) -> RawMethod:
    """Wrap a servicer's method; `name` is its full name, such as `challenge.v1.EventService/ReportEvent`.

    The returned method takes the caller, if it speaks for one player only or has limits in `quotas`.
    """
    short_name = name.partition("/")[2]
    tracing = telemetry.tracing
    measured = telemetry.of_method(name)
    no_request = status_of(InvalidRequest.of("request", "is missing"), name)

    def respond(request: M, context: grpc.ServicerContext, caller: Caller | None) -> Message | bytes:
        if caller is None:
            return method(request, context)
        if caller.player is not None:
            access.require_own(request, caller.player)
        if quotas is None:
            return method(request, context)
        if short_name in EVENTS_IN:
            quotas.require(short_name, caller, request)
        if short_name == CREATES_PLAYERS:
            return quotas.counting_players(caller, partial(method, request, context))
        return method(request, context)

    def response_to(raw: bytes, context: grpc.ServicerContext, caller: Caller | None) -> bytes:
        if context.time_remaining() == 0:
            raise DeadlineExceeded("the deadline passed before the call was started")
        response = respond(parse(raw), context, caller)
        return response if isinstance(response, bytes) else response.SerializeToString()

    def outcome(
        raw: bytes, context: grpc.ServicerContext, caller: Caller | None, ids: dict[str, str] | None = None
    ) -> bytes | grpc.Status:
        started = time.monotonic()
        try:
            response = response_to(raw, context, caller)
        except Exception as error:
            failure = status_of(error, name)
            by_caller = isinstance(error, CallerLimitReached)
        else:
            measured.succeeded(time.monotonic() - started, ids)
            return response
        measured.failed(failure.code, time.monotonic() - started, ids, by_caller=by_caller)
        return failure

    def traced(raw: bytes, context: grpc.ServicerContext, caller: Caller | None) -> bytes | grpc.Status:
        if tracing is None or (parent := tracing.parent_of(context.invocation_metadata())) is False:
            return outcome(raw, context, caller)
        with tracing.span(name, parent) as span:
            result = outcome(raw, context, caller, span.ids)
            code = grpc.StatusCode.OK if isinstance(result, bytes) else result.code
            span.ended(code.name, server_fault=code in FAULTS)
            return result

    def call(raw: bytes, context: grpc.ServicerContext, caller: Caller | None = None) -> bytes:
        if is_refusing():
            refusal.refuse(context)
        if not context.is_active():
            measured.failed(grpc.StatusCode.CANCELLED, 0.0)
            return b""
        result = no_request if raw is NO_REQUEST else traced(raw, context, caller)
        if not isinstance(result, bytes):
            context.abort_with_status(result)
        return result

    return call


def parsed(request_type: type[M], raw: bytes) -> M:
    """Parse a request. Raise `InvalidRequest` for malformed bytes and for text that is not UTF-8."""
    try:
        return request_type.FromString(raw)
    except DecodeError:
        raise InvalidRequest.of("request", f"is not an encoded {request_type.DESCRIPTOR.full_name}") from None


def streaming_method(
    name: str,
    method: Callable[[Iterator[M], grpc.ServicerContext], Iterable[Message]],
    parse: Callable[[bytes], M],
    pool: ThreadPoolExecutor,
    refusal: Refusal,
    telemetry: CallTelemetry,
    quotas: CallerQuotas | None = None,
) -> Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]:
    """Wrap a servicer's method, which runs in `pool`; `name` is its full name.

    Its measured duration is the time that the stream was open.
    """
    measured = telemetry.of_method(name)
    hold_back = None if quotas is None else partial(quotas.hold_back, name.partition("/")[2])

    def responses(raw: Iterator[bytes], context: grpc.ServicerContext, stream: OpenStream) -> Iterator[bytes]:
        for response in method(_requests(parse, raw, stream, hold_back), context):
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
                measured.failed(stream.ended_by, time.monotonic() - started, by_caller=True)
                stream.call.leave_ended()
            if not context.is_active():
                # The sender went away, and the error is a consequence of that.
                measured.failed(grpc.StatusCode.CANCELLED, time.monotonic() - started)
                return
            status = status_of(error, name)
            by_caller = isinstance(error, CallerLimitReached)
            measured.failed(status.code, time.monotonic() - started, by_caller=by_caller)
            context.abort_with_status(status)
        if stream.has_yielded:
            measured.failed(stream.ended_by, time.monotonic() - started, by_caller=True)
            stream.call.leave_ended()
        measured.succeeded(time.monotonic() - started, None)

    return run_in(pool, call)


def _requests(
    parse: Callable[[bytes], M],
    raw: Iterator[bytes],
    stream: OpenStream,
    hold_back: Callable[[Caller, M], None] | None,
) -> Iterator[M]:
    """Yield the requests as they arrive. Raise `ConnectionAbortedError` when the sender goes away."""
    try:
        for message in raw:
            stream.received()
            request = parse(message)
            if hold_back is not None and stream.call.caller is not None:
                hold_back(stream.call.caller, request)
            yield request
    except grpc.RpcError as gone:
        # gRPC keeps the error with the call, and its traceback refers back to the call. With that cycle the call
        # would live until the next garbage collection, and count against the streams that its connection may open.
        gone.__traceback__ = None
        raise ConnectionAbortedError("the caller disconnected") from None
