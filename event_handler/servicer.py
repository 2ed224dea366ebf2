"""EventService: accepts events and replies once they are committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import grpc
from challenge.v1 import event_service_pb2 as rpc

from event_handler.group_commit import GroupCommit, Submission
from event_handler.pipeline import PendingResponse, Pipelines
from event_handler.telemetry import EventTelemetry
from shared.domain.acceptance import AcceptanceWindow, judge
from shared.domain.catalogue import Catalogue
from shared.domain.clock_comparison import Now
from shared.domain.errors import InvalidRequest
from shared.domain.events import Event, Outcome
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.rpc.deadlines import DEFAULT_S, deadline_of
from shared.rpc.event_messages import read_event, result_message

EVENTS_PER_CALL_MAX = 1_000
"""The most events that the contract allows in one call."""


class EventServicer:
    """Judges events, has the accepted ones committed, and reports the outcome of each."""

    def __init__(
        self,
        group_commit: GroupCommit,
        catalogue: LiveCatalogue[Catalogue],
        acceptance_window: Callable[[], AcceptanceWindow],
        now: Callable[[], Now],
        telemetry: EventTelemetry,
    ) -> None:
        self._group_commit = group_commit
        self._catalogue = catalogue
        self._acceptance_window = acceptance_window
        self._now = now
        self._telemetry = telemetry
        self.streams = Pipelines()
        """The open streams of this servicer."""

    def ReportEvent(self, request: rpc.ReportEventRequest, context: grpc.ServicerContext) -> rpc.ReportEventResponse:
        """Report one event."""
        if not request.HasField("event"):
            raise InvalidRequest.of("event", "is required")
        (result,) = self._results(self._submit([request.event], deadline_of(context)))
        return rpc.ReportEventResponse(result=result)

    def ReportEvents(self, request: rpc.ReportEventsRequest, context: grpc.ServicerContext) -> rpc.ReportEventsResponse:
        """Report 1 to 1,000 events."""
        _check_count(request.events)
        return rpc.ReportEventsResponse(results=self._results(self._submit(request.events, deadline_of(context))))

    def StreamEvents(
        self, requests: Iterator[rpc.StreamEventsRequest], _context: grpc.ServicerContext
    ) -> Iterator[rpc.StreamEventsResponse]:
        """Report batches of events, several under way at once, with responses in order."""

        def submit(request: rpc.StreamEventsRequest) -> PendingResponse[rpc.StreamEventsResponse]:
            _check_count(request.events)
            # A batch has its own deadline: the stream's says nothing about how long one commit may take.
            submitted = self._submit(request.events, time.monotonic() + DEFAULT_S, stream=True)
            return lambda: rpc.StreamEventsResponse(results=self._results(submitted))

        return self.streams.run(submit, requests)

    def _submit(self, messages: Sequence[rpc.Event], deadline: float, *, stream: bool = False) -> _SubmittedCall:
        """Judge events by the current catalogue and submit the accepted ones.

        A `stream` waits for room, and submits its next batch before it waits for the commit.
        """
        received = time.monotonic()
        catalogue, window, now = self._catalogue.current, self._acceptance_window(), self._now()
        refusals: list[Outcome | None] = []
        accepted: list[Event] = []
        for message in messages:
            event = read_event(message, catalogue)
            refusal = event if isinstance(event, Outcome) else judge(event, catalogue, window, now)
            refusals.append(refusal)
            if isinstance(event, Event) and refusal is None:
                accepted.append(event)
        submission = (
            self._group_commit.submit(catalogue, accepted, deadline, patient=stream, waits=not stream)
            if accepted
            else None
        )
        return _SubmittedCall(catalogue, messages, refusals, submission, received)

    def _results(self, submitted: _SubmittedCall) -> list[rpc.EventResult]:
        """Wait for the commit of a call's events, and return one result per event."""
        catalogue, messages, refusals, submission, received = submitted
        committed = iter(submission.wait() if submission is not None else ())
        self._telemetry.acknowledged(time.monotonic() - received)
        outcomes = [next(committed) if refusal is None else refusal for refusal in refusals]
        self._telemetry.count(outcomes)
        now = self._now().earliest
        return [
            result_message(message.event_id, outcome, catalogue, now)
            for message, outcome in zip(messages, outcomes, strict=True)
        ]


class _SubmittedCall(NamedTuple):
    """The events of one call, of which the accepted ones await their commit."""

    catalogue: Catalogue
    messages: Sequence[rpc.Event]
    refusals: Sequence[Outcome | None]
    """One per event; None for those that were accepted and submitted."""
    submission: Submission | None
    """None if no event was accepted."""
    received: float
    """When they were received, in monotonic seconds."""


def _check_count(events: Sequence[rpc.Event]) -> None:
    if not 1 <= len(events) <= EVENTS_PER_CALL_MAX:
        raise InvalidRequest.of("events", f"has {len(events):,} items, not 1 to {EVENTS_PER_CALL_MAX:,}")
