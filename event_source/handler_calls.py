"""Calls of the event handler: batches of events, and what became of them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
from challenge.v1 import event_service_pb2
from google.protobuf.message import DecodeError

from event_source.telemetry import SourceTelemetry
from shared.domain.instant import SECOND
from shared.runtime.outgoing_channel import OpenChannel, OutgoingChannel, retry_delay

log = logging.getLogger(__name__)

METHOD = "/challenge.v1.EventService/ReportEvents"

SERVICE_CONFIG = {
    # A name may have several handlers. By default gRPC uses the first one that it reaches, and no other.
    "loadBalancingConfig": [{"round_robin": {}}],
    # A handler that is about to stop, or that cannot reach the database, is left out.
    "healthCheckConfig": {"serviceName": "challenge.v1.EventService"},
}
OPTIONS = (
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    # A handler that came back is noticed within a second.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # One whose machine is gone is noticed within 20 s, idle or not, and by default only after more than a minute of
    # calls that run into their time limit. Servers admit pings at this interval.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
)

Results: TypeAlias = Sequence[event_service_pb2.EventResult]


@dataclass(frozen=True)
class Failed:
    """A call without results. What became of its events is unknown: they are sent again unchanged."""

    code: str
    message: str
    retry_after_s: float = 0.0
    """The pause that the handler asks for, in seconds."""


Reported: TypeAlias = Callable[[Results | Failed], None]
"""Receives the end of a call, in a thread of gRPC. It must not block."""


def raw_method(channel: grpc.Channel) -> Any:
    """Return the method for requests and responses that are encoded already: a batch is encoded once."""
    return channel.unary_unary(METHOD)


class HandlerCalls:
    """Sends batches to the event handler as any caller does."""

    def __init__(
        self, channel: OutgoingChannel[Any], telemetry: SourceTelemetry, *, timeout_s: float, key: str | None = None
    ) -> None:
        """`timeout_s` bounds each call; `key` proves who calls."""
        self._channel = channel
        self._telemetry = telemetry
        self._timeout_s = timeout_s
        self._metadata = None if key is None else [("authorization", f"Bearer {key}")]

    def report(self, batch: bytes, count: int, reported: Reported) -> None:
        """Send an encoded request with `count` events, and tell `reported` what became of them."""
        used = self._channel.take()
        started = time.monotonic()
        call = used.stub.future(batch, timeout=self._timeout_s, metadata=self._metadata)
        call.add_done_callback(lambda ended: self._ended(ended, count, used, started, reported))

    def close(self) -> None:
        """Close the channel, which ends calls that are still in flight."""
        self._channel.close()

    def _ended(self, call: Any, count: int, used: OpenChannel[Any], started: float, reported: Reported) -> None:
        self._channel.release(used)
        try:
            reply = _reply(call, count)
        except Exception as error:
            # Whatever the end is like, the batch must not be lost between two threads.
            log.exception("end of a call cannot be read")
            reply = Failed("MALFORMED", type(error).__name__)
        self._telemetry.called(reply.code if isinstance(reply, Failed) else "OK", time.monotonic() - started)
        reported(reply)


def _reply(call: Any, count: int) -> Results | Failed:
    if call.cancelled():
        return Failed("CANCELLED", "the source stops")
    code = call.code()
    if code is not grpc.StatusCode.OK:
        return Failed(code.name, call.details() or "", retry_delay(call) / SECOND)
    try:
        results = event_service_pb2.ReportEventsResponse.FromString(call.result()).results
    except DecodeError:
        return Failed("MALFORMED", "the response cannot be parsed")
    if len(results) != count:
        return Failed("MALFORMED", f"the response has {len(results)} results for {count} events")
    return results
