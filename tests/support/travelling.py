"""A caller's channel whose calls carry an instant, for services with the development clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from shared.domain.instant import Instant, to_datetime
from shared.rpc.carried_time import KEY


class _Carrying(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Send the call with the instant."""
        return continuation(self._with_instant(client_call_details), request)

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """Open the stream with the instant."""
        return continuation(self._with_instant(client_call_details), request_iterator)

    def _with_instant(self, details: Any) -> Any:
        return details._replace(metadata=[*(details.metadata or ()), (KEY, to_datetime(self._clock()).isoformat())])


def travelling(channel: grpc.Channel, clock: Callable[[], Instant]) -> grpc.Channel:
    """Return the channel; each call and stream carries the time that the clock shows when it begins."""
    return grpc.intercept_channel(channel, _Carrying(clock))
