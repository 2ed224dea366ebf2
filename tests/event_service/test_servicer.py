"""The servicer alone, called by gRPC's testing library without a server or a network."""

from __future__ import annotations

import grpc
import grpc_testing  # type: ignore[import-untyped]
from challenge.v1 import event_service_pb2 as rpc

from event_handler.__main__ import CONTRACT
from tests.support.event_messages import login, stat
from tests.support.sample_catalogue import sample_catalogue
from tests.support.servicers import event_servicer
from tests.support.services import ManualClock

APPLIED = rpc.VERDICT_APPLIED


def test_every_method_returns_one_result_per_event(database_url: str) -> None:
    events = [login(), stat("wins", delta=1)]
    with event_servicer(database_url, sample_catalogue(), clock=ManualClock()) as servicer:
        server = grpc_testing.server_from_dictionary({CONTRACT: servicer}, grpc_testing.strict_real_time())
        methods = CONTRACT.methods_by_name

        one = server.invoke_unary_unary(methods["ReportEvent"], (), rpc.ReportEventRequest(event=login()), timeout=60)
        response, _, code, _ = one.termination()
        assert code is grpc.StatusCode.OK
        assert response.result.verdict == APPLIED

        many = server.invoke_unary_unary(
            methods["ReportEvents"], (), rpc.ReportEventsRequest(events=events), timeout=60
        )
        response, _, code, _ = many.termination()
        assert code is grpc.StatusCode.OK
        assert [result.verdict for result in response.results] == [APPLIED, APPLIED]

        stream = server.invoke_stream_stream(methods["StreamEvents"], (), timeout=60)
        for batch in (events, events[:1]):
            stream.send_request(rpc.StreamEventsRequest(events=batch))
            verdicts = [result.verdict for result in stream.take_response().results]
            assert verdicts == [rpc.VERDICT_DUPLICATE] * len(batch)
        stream.requests_closed()
        _, code, _ = stream.termination()
        assert code is grpc.StatusCode.OK
    assert set(methods) == {"ReportEvent", "ReportEvents", "StreamEvents"}
