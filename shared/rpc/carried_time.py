"""The instant that a call carries in its metadata, for the development clock.

Without that clock a call with the key is refused, so that no caller believes that it has an effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.errors import InvalidRequest
from shared.domain.instant import Instant
from shared.rpc.instants import instant_of
from shared.runtime.development_clock import DevelopmentClock

KEY = "challenge-development-time"
"""The metadata key."""
FIRST: Instant = 946_684_800_000_000
"""2000-01-01, the first instant that a call may carry."""
LAST: Instant = 4_102_444_800_000_000
"""2100-01-01, the last one: calendars of time zones reach that far."""

M = TypeVar("M")
R = TypeVar("R")
Metadata = Iterable[tuple[str, str | bytes]]

NEEDS_CLOCK = InvalidRequest.of(KEY, "is only understood by a service with DEVELOPMENT_CLOCK=true")
"""The refusal where the development clock is off."""


def carries_time(metadata: Metadata | None) -> bool:
    """Return whether the metadata of a call has the key."""
    # A tenth of a microsecond: this is asked for every call.
    for key, _ in metadata or ():  # noqa: SIM110 - a generator takes twice as long
        if key == KEY:
            return True
    return False


def carried_instant(metadata: Metadata) -> Instant | None:
    """Return the instant that a call carries; None if it carries none. Raise `InvalidRequest` if it is malformed."""
    values = [value for key, value in metadata if key == KEY]
    if not values:
        return None
    (text, *more), parsed = values, Timestamp()
    if more:
        raise InvalidRequest.of(KEY, "is there more than once")
    try:
        parsed.FromJsonString(str(text))
    except ValueError:
        raise InvalidRequest.of(KEY, "is not an instant by RFC 3339, such as 2026-12-01T18:00:00Z") from None
    instant = instant_of(parsed)
    if instant is None or not FIRST <= instant <= LAST:
        raise InvalidRequest.of(KEY, "is not in the years 2000 to 2099")
    return instant


def unary_in_time(
    method: Callable[[M, grpc.ServicerContext], R], development: DevelopmentClock
) -> Callable[[M, grpc.ServicerContext], R]:
    """Wrap a unary method, so that it runs at the instant that the call carries."""

    def run(request: M, context: grpc.ServicerContext) -> R:
        instant = carried_instant(context.invocation_metadata())
        if instant is None:
            return method(request, context)
        with development.carrying(instant):
            return method(request, context)

    return run


def streaming_in_time(
    method: Callable[[Iterator[Any], grpc.ServicerContext], Iterable[R]], development: DevelopmentClock
) -> Callable[[Iterator[Any], grpc.ServicerContext], Iterable[R]]:
    """Wrap a streaming method, so that the whole stream runs at the instant that it carries."""

    def run(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[R]:
        instant = carried_instant(context.invocation_metadata())
        if instant is None:
            yield from method(requests, context)
            return
        with development.carrying(instant):
            yield from method(requests, context)

    return run
