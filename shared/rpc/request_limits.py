"""Limits on requests, checked on their bytes before they are parsed.

Parsing costs more than its bytes: 4 MB of empty events took 170 MB. So each method has a maximum size, and the items of
large repeated fields are counted on the wire. Only requests of `COUNTED_BYTES_MIN` and more are counted: below that the
items that fit cost a few megabytes, and calls of ordinary size pay nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from shared.domain.acceptance import ATTRIBUTES_MAX
from shared.domain.errors import InvalidRequest
from shared.rpc.call_layers import parsed

NESTED_BYTES_MIN = 1024 * 1024
"""Size from which items within items are counted, too."""
COUNTED_BYTES_MIN = 128 * 1024
"""Size from which the items of a request are counted. Of the smallest items of two bytes, 65,536 fit below it."""


@dataclass(frozen=True)
class RequestLimits:
    """The limits on the requests of one method."""

    bytes_max: int = 16 * 1024
    """Some ids of 128 characters with up to four bytes each fit many times."""
    items_max: Mapping[str, int] = field(default_factory=dict)
    """Maximum number of items, by repeated field."""
    nested_max: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Maximum number of items of a repeated field in all messages of another field together."""


_EVENTS = RequestLimits(4 * 1024 * 1024, {"events": 1_000}, {("events", "attributes"): 1_000 * 2 * ATTRIBUTES_MAX})
"""1,000 events with the longest ids in four-byte characters have 1.4 MB. Events with too long ids get a verdict, and
so do those with too many attributes, unless a call has very many."""

LIMITS: Mapping[str, RequestLimits] = {
    "ReportEvent": RequestLimits(4 * 1024 * 1024, {}, {("event", "attributes"): 1_000 * 2 * ATTRIBUTES_MAX}),
    "ReportEvents": _EVENTS,
    "StreamEvents": _EVENTS,
    "ListChallenges": RequestLimits(1024 * 1024, {"challenge_ids": 1_000}),
    "SelectGoals": RequestLimits(256 * 1024, {"goal_ids": 100}),
    "ListLeaderboard": RequestLimits(1024 * 1024, {"user_ids": 500}),
}
"""The limits by method. All others have the default."""


class RequestParser:
    """The parser of one method's requests, within its limits."""

    def __init__(self, method: MethodDescriptor) -> None:
        limits = LIMITS.get(method.name, RequestLimits())
        self._type: type[Message] = GetMessageClass(method.input_type)
        fields = method.input_type.fields_by_name
        self._items_max = {fields[name].number: (name, maximum) for name, maximum in limits.items_max.items()}
        self._nested_max = {
            fields[outer].number: (_number_of(fields[outer], inner), f"{outer}.{inner}", maximum)
            for (outer, inner), maximum in limits.nested_max.items()
        }
        self.bytes_max = limits.bytes_max
        """The maximum size of a request."""

    def parse(self, raw: bytes) -> Message:
        """Return the request. Raise `InvalidRequest` if it is too large, has too many items, or is malformed."""
        if len(raw) > self.bytes_max:
            raise InvalidRequest.of("request", f"has more than {self.bytes_max:,} bytes")
        if self._items_max and len(raw) >= COUNTED_BYTES_MIN:
            self._count(raw)
        if self._nested_max and len(raw) >= NESTED_BYTES_MIN:
            self._count_nested(raw)
        return parsed(self._type, raw)

    def _count(self, raw: bytes) -> None:
        found = dict.fromkeys(self._items_max, 0)
        for number, _ in fields_of(raw):
            if number in found:
                found[number] += 1
                name, maximum = self._items_max[number]
                if found[number] > maximum:
                    raise InvalidRequest.of(name, f"has more than {maximum:,} items")

    def _count_nested(self, raw: bytes) -> None:
        found = dict.fromkeys(self._nested_max, 0)
        for outer, content in fields_of(raw):
            if outer in found:
                inner, name, maximum = self._nested_max[outer]
                found[outer] += sum(number == inner for number, _ in fields_of(content))
                if found[outer] > maximum:
                    raise InvalidRequest.of(name, f"has more than {maximum:,} items in all")


def _number_of(outer: FieldDescriptor, inner: str) -> int:
    if outer.message_type is None:
        raise TypeError(f"{outer.name} has no fields")
    return outer.message_type.fields_by_name[inner].number


def request_bytes_max(methods: Iterable[MethodDescriptor]) -> int:
    """Return the size of the largest request that any of the methods accepts."""
    return max((RequestParser(method).bytes_max for method in methods), default=RequestLimits().bytes_max)


_VARINT, _FIXED_64, _LENGTH_DELIMITED, _FIXED_32 = 0, 1, 2, 5
_FIXED_BYTES = {_FIXED_64: 8, _FIXED_32: 4}


def fields_of(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each field in order, and its content if that has a length.

    Raise `InvalidRequest` for malformed bytes, and for groups.

    Groups are valid in unknown fields but deprecated: no library of proto3 writes them.
    """
    position, end = 0, len(raw)
    try:
        while position < end:
            tag = raw[position]
            position += 1
            if tag >= 0x80:
                tag, position = _rest_of_varint(raw, position, tag)
            kind, content = tag & 7, b""
            if kind == _LENGTH_DELIMITED:
                length = raw[position]
                position += 1
                if length >= 0x80:
                    length, position = _rest_of_varint(raw, position, length)
                content = raw[position : position + length]
                position += length
            elif kind == _VARINT:
                while raw[position] >= 0x80:
                    position += 1
                position += 1
            else:
                position += _FIXED_BYTES[kind]
            yield tag >> 3, content
    except (IndexError, KeyError):
        raise _malformed() from None
    if position != end:
        raise _malformed()


def _rest_of_varint(raw: bytes, position: int, first: int) -> tuple[int, int]:
    """Return the varint that begins with the byte `first`, and the position after it."""
    number, shift = first & 0x7F, 7
    while True:
        byte = raw[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
        if shift > 63:
            raise _malformed()


def _malformed() -> InvalidRequest:
    return InvalidRequest.of("request", "is malformed")
