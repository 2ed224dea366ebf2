"""A real server whose streams echo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from challenge.v1 import event_service_pb2 as rpc

from shared.rpc.server import Server, ServiceBinding
from shared.runtime.health import Health
from shared.runtime.ports import Endpoint
from shared.runtime.telemetry import Telemetry
from tests.rpc.serving import Method, empty

CONTRACT = rpc.DESCRIPTOR.services_by_name["EventService"]
METHOD = f"{CONTRACT.full_name}/StreamEvents"
STREAMS = 4
BATCH = rpc.StreamEventsRequest(events=[rpc.Event(event_id="e" * 100)])


class Echo:
    """A servicer whose streams respond to each batch at once, and whose other methods do what is given."""

    def __init__(self, respond: Method) -> None:
        self.ReportEvent = self.ReportEvents = respond  # named by the contract

    def StreamEvents(  # noqa: N802 - named by the contract
        self, requests: Iterator[rpc.StreamEventsRequest], _context: object
    ) -> Iterator[rpc.StreamEventsResponse]:
        for request in requests:
            yield rpc.StreamEventsResponse(
                results=[rpc.EventResult(event_id=event.event_id) for event in request.events]
            )


@contextmanager
def serving(telemetry: Telemetry | None = None, respond: Method = empty) -> Iterator[int]:
    """Run a server with `STREAMS` threads for streams on a free port and yield the port."""
    server = Server(
        Endpoint("127.0.0.1", 0, setting="EVENT_PORT"),
        [ServiceBinding(CONTRACT, Echo(respond))],
        threads=2,
        streams=STREAMS,
        health=Health([CONTRACT.full_name]),
        telemetry=telemetry or Telemetry(),
    )
    port = server.start()
    try:
        yield port
    finally:
        server.stop(0)


def is_served(channel: grpc.Channel) -> bool:
    """Return whether a stream gets its response."""
    call: Callable[..., Iterator[rpc.StreamEventsResponse]] = channel.stream_stream(
        f"/{METHOD}", rpc.StreamEventsRequest.SerializeToString, rpc.StreamEventsResponse.FromString
    )
    try:
        return [len(response.results) for response in call(iter([BATCH]), timeout=60)] == [1]
    except grpc.RpcError:
        return False
