"""The parts of the protobuf wire format that splicing relies on.

https://protobuf.dev/programming-guides/encoding/

- A message is its fields one after the other, in any order; each is a tag (field number and wire type) and a value.
- The items of a repeated message field are fields of their own, so encodings of items can be joined.
- Appending a field to an encoded message sets it. No appended field can unset another one.
- A nested message is a tag, its length, and its encoding.
- Proto3 omits fields with their default value (0, false, empty). Parsers accept them all the same.
- A varint may be longer than necessary: up to ten bytes, of which the highest may be empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from google.protobuf.descriptor import Descriptor
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.instant import SECOND, Instant

_VARINT = 0
_LENGTH_DELIMITED = 2


class Pieces(NamedTuple):
    """An encoded message in pieces, so that its bytes are copied only once, into the response."""

    length: int
    """Total length of all pieces."""
    pieces: list[bytes | memoryview]


def varint(number: int) -> bytes:
    """Encode a number from 0 to 2^63-1: 7 bits a byte, lowest first, with the high bit set if more bytes follow."""
    if number < 0x80:
        return _LAST[number]
    if number < 0x4000:
        return _MORE[number & 0x7F] + _LAST[number >> 7]
    return _MORE[number & 0x7F] + _MORE[number >> 7 & 0x7F] + varint(number >> 14)


_LAST = [bytes([bits]) for bits in range(0x80)]
_MORE = [bytes([bits | 0x80]) for bits in range(0x80)]


def number_tag(message: Descriptor, field: str) -> bytes:
    """Return the tag of an integer, boolean or enum field."""
    return varint(message.fields_by_name[field].number << 3 | _VARINT)


def nested_tag(message: Descriptor, field: str) -> bytes:
    """Return the tag of a message, string or bytes field."""
    return varint(message.fields_by_name[field].number << 3 | _LENGTH_DELIMITED)


def nested_pieces(tag: bytes, messages: Iterable[Pieces]) -> list[bytes | memoryview]:
    """Return the items of a repeated message field, in pieces."""
    fields: list[bytes | memoryview] = []
    for length, pieces in messages:
        fields.append(tag + varint(length))
        fields += pieces
    return fields


def number_field(tag: bytes, value: int) -> bytes:
    """Encode an integer, boolean or enum field with a non-negative value. Return no bytes for 0."""
    return tag + varint(value) if value else b""


_SECONDS = number_tag(Timestamp.DESCRIPTOR, "seconds")
_NANOS = number_tag(Timestamp.DESCRIPTOR, "nanos")


class _SecondsEndings(dict[int, bytes]):
    """A memo of how the seconds of a timestamp end: the last three bytes of their varint, then the tag of the nanos.

    The key is the seconds without their lowest 21 bits, so an entry serves 24 days. An entry is computed when it is
    first looked up.
    """

    def __missing__(self, high_bits: int) -> bytes:
        # The key is less than 2^17 until the year 9999, so three groups of 7 bits are enough.
        low, middle, high = high_bits & 0x7F, high_bits >> 7 & 0x7F, high_bits >> 14
        ending = self[high_bits] = _MORE[low] + _MORE[middle] + _LAST[high] + _NANOS
        return ending


_seconds_endings = _SecondsEndings()
_TIMESTAMP_LENGTH = 13
TIMESTAMP_REST_LENGTH = 12
"""Length in bytes of what follows the `timestamp_tag` in a `timestamp_field`."""


def timestamp_tag(message: Descriptor, field: str) -> bytes:
    """Return the beginning of a `google.protobuf.Timestamp` field: its tag, its length, and the tag of the seconds."""
    return nested_tag(message, field) + _LAST[_TIMESTAMP_LENGTH] + _SECONDS


def timestamp_field(beginning: bytes, instant: Instant) -> bytes:
    """Encode a `google.protobuf.Timestamp` field of an instant in the years 1970 to 9999, always of the same length.

    `beginning` is a `timestamp_tag`, optionally after other fields. Building a message is slower. Larger tables are
    twice as fast alone but half as fast within a list, where they compete for the CPU caches.
    """
    seconds = instant // SECOND
    nanos = (instant - seconds * SECOND) * 1_000
    return b"".join(
        (
            beginning,
            _MORE[seconds & 0x7F],
            _MORE[seconds >> 7 & 0x7F],
            _MORE[seconds >> 14 & 0x7F],
            _seconds_endings[seconds >> 21],
            _MORE[nanos & 0x7F],
            _MORE[nanos >> 7 & 0x7F],
            _MORE[nanos >> 14 & 0x7F],
            _MORE[nanos >> 21 & 0x7F],
            _LAST[nanos >> 28],
        )
    )
