"""EventService: takes events in, and answers once they are committed."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from challenge.v1 import event_service_pb2 as rpc

from event_handler.group_commit import GroupCommit
from event_handler.telemetry import EventTelemetry
from shared.domain.acceptance import Window, judge
from shared.domain.catalogue import Catalogue
from shared.domain.errors import InvalidRequest
from shared.domain.events import Event, Outcome
from shared.rpc.deadlines import deadline_of
from shared.rpc.event_messages import read_event, result_message
from shared.runtime.clock import Clock

EVENTS_PER_CALL_MAX = 1_000


class EventServicer:
    """Judges events, lets the good ones be committed, and reports what became of each."""

    def __init__(
        self, group_commit: GroupCommit, catalogue: Catalogue, window: Window, clock: Clock, telemetry: EventTelemetry
    ) -> None:
        self._group_commit = group_commit
        self._catalogue = catalogue
        self._window = window
        self._clock = clock
        self._telemetry = telemetry

    def ReportEvent(self, request: rpc.ReportEventRequest, context: grpc.ServicerContext) -> rpc.ReportEventResponse:
        """Report one event."""
        if not request.HasField("event"):
            raise InvalidRequest.of("event", "is required")
        results = self._report([request.event], deadline_of(context))
        return rpc.ReportEventResponse(result=results[0])

    def ReportEvents(self, request: rpc.ReportEventsRequest, context: grpc.ServicerContext) -> rpc.ReportEventsResponse:
        """Report 1 to 1,000 events."""
        if not 1 <= len(request.events) <= EVENTS_PER_CALL_MAX:
            raise InvalidRequest.of("events", f"has {len(request.events)} items, not 1 to {EVENTS_PER_CALL_MAX:,}")
        return rpc.ReportEventsResponse(results=self._report(request.events, deadline_of(context)))

    def _report(self, messages: Sequence[rpc.Event], deadline: float) -> list[rpc.EventResult]:
        now = self._clock()
        outcomes: list[Outcome | None] = []
        accepted: list[Event] = []
        for message in messages:
            event = read_event(message)
            refusal = event if isinstance(event, Outcome) else judge(event, self._catalogue, self._window, now)
            outcomes.append(refusal)
            if isinstance(event, Event) and refusal is None:
                accepted.append(event)
        committed = iter(self._group_commit.submit(accepted, deadline).wait() if accepted else ())
        settled = [next(committed) if outcome is None else outcome for outcome in outcomes]
        self._telemetry.count(settled)
        return [
            result_message(message.event_id, outcome, self._catalogue)
            for message, outcome in zip(messages, settled, strict=True)
        ]
