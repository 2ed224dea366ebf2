"""Streams whose caller does not read, or does not take their end, leave their threads to others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc

from shared.rpc import open_streams
from shared.rpc.server import Server, ServiceBinding
from shared.runtime.health import Health
from shared.runtime.ports import Endpoint
from shared.runtime.telemetry import Telemetry
from tests.support.raw_caller import RawCaller
from tests.support.waiting import wait_until

CONTRACT = rpc.DESCRIPTOR.services_by_name["EventService"]
METHOD = f"{CONTRACT.full_name}/StreamEvents"
STREAMS = 4
BATCH = rpc.StreamEventsRequest(events=[rpc.Event(event_id="e" * 100)])


class Echo:
    """A servicer whose streams respond to each batch at once."""

    def ReportEvent(self, _request: object, _context: object) -> bytes:  # noqa: N802 - named by the contract
        return b""

    ReportEvents = ReportEvent

    def StreamEvents(  # noqa: N802 - named by the contract
        self, requests: Iterator[rpc.StreamEventsRequest], _context: object
    ) -> Iterator[rpc.StreamEventsResponse]:
        for request in requests:
            yield rpc.StreamEventsResponse(
                results=[rpc.EventResult(event_id=event.event_id) for event in request.events]
            )


@contextmanager
def serving(telemetry: Telemetry) -> Iterator[int]:
    server = Server(
        Endpoint("127.0.0.1", 0, setting="EVENT_PORT"),
        [ServiceBinding(CONTRACT, Echo())],
        threads=2,
        streams=STREAMS,
        health=Health([CONTRACT.full_name]),
        telemetry=telemetry,
    )
    port = server.start()
    try:
        yield port
    finally:
        server.stop(0)


def test_streams_whose_responses_are_not_read_yield_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_streams, "UNREAD_YIELD_S", 0.3)
    telemetry = Telemetry()

    def open_now() -> float:
        return telemetry.registry.get_sample_value("rpc_streams_open") or 0

    with serving(telemetry) as port, RawCaller(port, window_bytes=0) as attacker:
        for _ in range(STREAMS):
            attacker.send(attacker.open(METHOD), BATCH.SerializeToString(), last=False)
        wait_until(lambda: open_now() == STREAMS)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.stream_stream(
                f"/{METHOD}", rpc.StreamEventsRequest.SerializeToString, rpc.StreamEventsResponse.FromString
            )

            def is_served() -> bool:
                try:
                    return [len(response.results) for response in call(iter([BATCH]), timeout=5)] == [1]
                except grpc.RpcError:
                    return False

            wait_until(is_served)
            # The attacker's streams went one by one: those that nobody needs stay.
            wait_until(lambda: open_now() < STREAMS)
