"""Messages as events, by the rules of a mapping."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from challenge.v1 import event_service_pb2
from google.protobuf.message import DecodeError

from event_source.mapping import values
from event_source.mapping.paths import Read
from event_source.message import Message, Unmappable
from shared.domain.instant import SECOND, Instant
from shared.rpc.wire import nested_tag, varint

EVENT_BYTES_MAX = 64 * 1024
"""Size of a payload that is an encoded event: many times that of the largest valid event."""


_EVENTS_TAG = nested_tag(event_service_pb2.ReportEventsRequest.DESCRIPTOR, "events")


class Events(Protocol):
    """The events of a request."""

    def add(self) -> event_service_pb2.Event: ...
    def pop(self) -> event_service_pb2.Event: ...


class Mapper(Protocol):
    """Turns a message into an event."""

    def add(self, message: Message, events: Events) -> bool:
        """Add the event of a message, and return True; return False if the mapping ignores the message.

        Raise `Unmappable`; then nothing was added.
        """


@dataclass(frozen=True)
class Field:
    """A field of an event: a value of the payload, or a constant."""

    name: str
    """The name in the mapping file, for messages."""
    constant: Any = None
    read: Read | None = None
    """Reads the value in a payload; None for a constant."""
    convert: Callable[[Any], Any] = values.text

    def of(self, document: object) -> Any:
        """Return the value for a payload; None if it is not there. Raise `Unmappable`."""
        if self.read is None:
            return self.constant
        found = self.read(document)
        if found is None:
            return None
        try:
            return self.convert(found)
        except Unmappable as error:
            raise Unmappable(f"{self.name}: {error}") from None

    def required_of(self, document: object) -> Any:
        """Return the value for a payload. Raise `Unmappable`, also if it is not there."""
        found = self.of(document)
        if found is None:
            raise Unmappable(f"{self.name}: the payload has no value for it")
        return found


@dataclass(frozen=True)
class Condition:
    """A value of the payload that decides whether a rule holds."""

    read: Read
    accepted: Collection[object]

    def holds(self, document: object) -> bool:
        """Return whether the payload has one of the accepted values."""
        found = self.read(document)
        # In Python true is 1: a boolean matches only a boolean.
        return any(type(found) is type(value) and found == value for value in self.accepted)


@dataclass(frozen=True)
class Rule:
    """The mapping of messages of one kind."""

    when: Sequence[Condition]
    user: Field
    time: Field | None
    """None: the broker's timestamp."""
    id: Field | None
    """None: the message's position."""
    stat: Field | None = None
    """None: a login."""
    delta: Field | None = None
    value: Field | None = None
    attributes: Sequence[Field] = field(default=())

    def holds(self, document: object) -> bool:
        """Return whether the rule is for this payload."""
        return not self.when or all(condition.holds(document) for condition in self.when)

    def add(self, message: Message, document: object, events: Events) -> None:
        """Add the event of a message with this payload. Raise `Unmappable`; then nothing was added."""
        event_id = message.position if self.id is None else self.id.required_of(document)
        user_id = self.user.required_of(document)
        time = _broker_time(message) if self.time is None else self.time.required_of(document)
        attributes = [(each.name, each.of(document)) for each in self.attributes]
        if self.stat is None:
            event = events.add()
            event.logged_in.SetInParent()
        else:
            stat_code = self.stat.required_of(document)
            delta = None if self.delta is None else self.delta.of(document)
            value = None if self.value is None else self.value.of(document)
            if delta is None and value is None:
                raise Unmappable("delta, value: the payload has no value for either")
            event = events.add()
            updated = event.stat_updated
            updated.stat_code = stat_code
            if delta is not None:
                updated.delta = delta
            if value is not None:
                updated.value = value
        event.event_id = event_id
        event.user_id = user_id
        _set_time(event, time)
        if attributes:
            kept = event.attributes
            for name, text in attributes:
                if text is not None:
                    kept[name] = text


class RuleMapper:
    """Maps each message by the first rule that holds for it."""

    def __init__(self, parse: Callable[[bytes], object], rules: Sequence[Rule], *, ignores_others: bool) -> None:
        """`parse` returns the document in a payload, or raises `Unmappable`."""
        self._parse = parse
        self._rules = rules
        self._ignores_others = ignores_others

    def add(self, message: Message, events: Events) -> bool:
        """As `Mapper.add`."""
        document = self._parse(message.payload)
        for rule in self._rules:
            if rule.holds(document):
                rule.add(message, document, events)
                return True
        if self._ignores_others:
            return False
        raise Unmappable("no rule of the mapping holds for it")


class EventMapper:
    """Takes payloads that are events of the contract already. Id and time are filled in where they are missing."""

    def add(self, message: Message, events: Events) -> bool:
        """As `Mapper.add`."""
        if len(message.payload) > EVENT_BYTES_MAX:
            raise Unmappable(f"has more than {EVENT_BYTES_MAX:,} bytes")
        try:
            # As part of a request: alone it could nest one level deeper, and no request with it could be parsed.
            request = event_service_pb2.ReportEventsRequest.FromString(
                _EVENTS_TAG + varint(len(message.payload)) + message.payload
            )
        except DecodeError:
            raise Unmappable("is not an encoded challenge.v1.Event") from None
        event = events.add()
        event.CopyFrom(request.events[0])
        try:
            if not event.event_id:
                event.event_id = message.position
            if not event.HasField("event_time"):
                _set_time(event, _broker_time(message))
        except Unmappable:
            events.pop()
            raise
        return True


def _broker_time(message: Message) -> Instant:
    if message.time is None:
        raise Unmappable("event_time: the broker has no timestamp for it")
    return message.time


def _set_time(event: event_service_pb2.Event, time: Instant) -> None:
    seconds, microseconds = divmod(time, SECOND)
    event.event_time.seconds = seconds
    event.event_time.nanos = microseconds * 1_000
