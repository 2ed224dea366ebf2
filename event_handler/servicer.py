"""EventService: takes events in, and answers once they are committed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import grpc
from challenge.v1 import event_service_pb2 as rpc

from event_handler.pipeline import Answer, Pipelines
from event_handler.telemetry import EventTelemetry
from event_handler.writers import EVENTS_PER_CALL_MAX, Writers
from shared.domain.acceptance import Window, judge
from shared.domain.catalogue import Catalogue
from shared.domain.errors import InvalidRequest
from shared.domain.events import Event, Outcome
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.rpc.deadlines import DEFAULT_S, deadline_of
from shared.rpc.event_messages import read_event, result_message
from shared.runtime.clock import Clock


class EventServicer:
    """Judges events, lets the good ones be committed, and reports what became of each."""

    def __init__(
        self,
        writers: Writers,
        catalogue: LiveCatalogue[Catalogue],
        window: Window,
        clock: Clock,
        telemetry: EventTelemetry,
    ) -> None:
        self._writers = writers
        self._catalogue = catalogue
        self._window = window
        self._clock = clock
        self._telemetry = telemetry
        self.streams = Pipelines()
        """The open streams of this servicer."""

    def ReportEvent(self, request: rpc.ReportEventRequest, context: grpc.ServicerContext) -> rpc.ReportEventResponse:
        """Report one event."""
        if not request.HasField("event"):
            raise InvalidRequest.of("event", "is required")
        (result,) = self._take_in([request.event], deadline_of(context))()
        return rpc.ReportEventResponse(result=result)

    def ReportEvents(self, request: rpc.ReportEventsRequest, context: grpc.ServicerContext) -> rpc.ReportEventsResponse:
        """Report 1 to 1,000 events."""
        _check_count(request.events)
        return rpc.ReportEventsResponse(results=self._take_in(request.events, deadline_of(context))())

    def StreamEvents(
        self, requests: Iterator[rpc.StreamEventsRequest], _context: grpc.ServicerContext
    ) -> Iterator[rpc.StreamEventsResponse]:
        """Report batches of events, several under way at once, answered in order."""

        def take_in(request: rpc.StreamEventsRequest) -> Answer[rpc.StreamEventsResponse]:
            _check_count(request.events)
            # A batch has its own deadline: the stream's says nothing about how long one commit may take.
            results = self._take_in(request.events, time.monotonic() + DEFAULT_S, patient=True)
            return lambda: rpc.StreamEventsResponse(results=results())

        return self.streams.run(take_in, requests)

    def _take_in(
        self, messages: Sequence[rpc.Event], deadline: float, *, patient: bool = False
    ) -> Answer[list[rpc.EventResult]]:
        """Judge events by the current catalogue and submit the good ones; the answer waits for their commit."""
        catalogue, now = self._catalogue.current, self._clock()
        outcomes: list[Outcome | None] = []
        accepted: list[Event] = []
        for message in messages:
            event = read_event(message)
            refusal = event if isinstance(event, Outcome) else judge(event, catalogue, self._window, now)
            outcomes.append(refusal)
            if isinstance(event, Event) and refusal is None:
                accepted.append(event)
        pending = self._writers.submit(catalogue, accepted, deadline, patient=patient) if accepted else None

        def answer() -> list[rpc.EventResult]:
            committed = iter(pending.wait() if pending is not None else ())
            settled = [next(committed) if outcome is None else outcome for outcome in outcomes]
            self._telemetry.count(settled)
            return [
                result_message(message.event_id, outcome, catalogue)
                for message, outcome in zip(messages, settled, strict=True)
            ]

        return answer


def _check_count(events: Sequence[rpc.Event]) -> None:
    if not 1 <= len(events) <= EVENTS_PER_CALL_MAX:
        raise InvalidRequest.of("events", f"has {len(events):,} items, not 1 to {EVENTS_PER_CALL_MAX:,}")
