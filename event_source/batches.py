"""Batches of events on their way to the event handler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from challenge.v1 import event_service_pb2

from event_source.mapping.mapper import Mapper
from event_source.message import Message, Unmappable

EVENTS_MAX = 1_000
"""Events in a call, by the contract."""
BYTES_MAX = 1024 * 1024 - 1
"""Size of a request. The event handler looks at larger ones more closely, and could refuse all of one for one event."""
PAYLOAD_BYTES_MAX = 512 * 1024
"""Size of the payloads from which a batch is full."""


class Batch(NamedTuple):
    """An encoded request, and the messages of its events, in order."""

    request: bytes
    messages: Sequence[Message]


class Fault(NamedTuple):
    """A message that cannot be sent, and why."""

    message: Message
    reason: str


class Filling:
    """The batch that is being filled."""

    def __init__(self, mapper: Mapper) -> None:
        self._mapper = mapper
        self._clear()

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._messages)

    @property
    def is_full(self) -> bool:
        """True if no further event should be added."""
        return len(self._messages) >= EVENTS_MAX or self._payload_bytes >= PAYLOAD_BYTES_MAX

    def add(self, messages: Sequence[Message]) -> tuple[list[Message], list[Fault]]:
        """Add the events of messages, and return those that the mapping ignores, and those that cannot be mapped.

        They must not be more than the batch has room for.
        """
        ignored: list[Message] = []
        faults: list[Fault] = []
        add, events, kept = self._mapper.add, self._request.events, self._messages
        for message in messages:
            try:
                is_event = add(message, events)
            except Unmappable as error:
                faults.append(Fault(message, str(error)))
                continue
            if is_event:
                kept.append(message)
                self._payload_bytes += len(message.payload)
            else:
                ignored.append(message)
        return ignored, faults

    @property
    def room(self) -> int:
        """The number of events that still fit."""
        return EVENTS_MAX - len(self._messages)

    def take(self) -> tuple[list[Batch], list[Fault]]:
        """Return what was filled in, as a batch or, if that is too large, several; and events too large for any."""
        request, messages = self._request, self._messages
        self._clear()
        batches: list[Batch] = []
        faults: list[Fault] = []
        for part in _parts(request, messages):
            if isinstance(part, Batch):
                batches.append(part)
            else:
                faults.append(part)
        return batches, faults

    def _clear(self) -> None:
        self._request = event_service_pb2.ReportEventsRequest()
        self._messages: list[Message] = []
        self._payload_bytes = 0


def _parts(request: event_service_pb2.ReportEventsRequest, messages: Sequence[Message]) -> Iterator[Batch | Fault]:
    encoded = request.SerializeToString()
    if len(encoded) <= BYTES_MAX:
        yield Batch(encoded, messages)
    elif len(messages) == 1:
        yield Fault(messages[0], f"the event has more than {BYTES_MAX:,} bytes")
    else:
        middle = len(messages) // 2
        for start, end in ((0, middle), (middle, len(messages))):
            half = event_service_pb2.ReportEventsRequest(events=request.events[start:end])
            yield from _parts(half, messages[start:end])
