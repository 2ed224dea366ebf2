"""The few facts of the protobuf wire format that splicing stands on.

https://protobuf.dev/programming-guides/encoding/

- A message is its fields one after the other, in any order; each is a tag (field number and wire type) and a value.
- The items of a repeated message field are fields of their own, so encodings of items can be joined.
- Appending a field to an encoded message sets it. Nothing that is appended can un-set a field.
- A nested message is a tag, its length, and its encoding.
- Proto3 leaves out what has its default value: 0, false, empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from google.protobuf.descriptor import Descriptor
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.instant import SECOND, Instant

_VARINT = 0
_LENGTH_DELIMITED = 2


class Pieces(NamedTuple):
    """An encoded message in pieces, so that its bytes are copied once: into the response that it is a part of."""

    length: int
    """Of all pieces together."""
    pieces: list[bytes | memoryview]


def varint(number: int) -> bytes:
    """A number from 0 to 2^63-1: 7 bits a byte, the lowest first, the high bit saying that more follow."""
    if number < 0x80:
        return _LAST[number]
    if number < 0x4000:
        return _MORE[number & 0x7F] + _LAST[number >> 7]
    return _MORE[number & 0x7F] + _MORE[number >> 7 & 0x7F] + varint(number >> 14)


_LAST = [bytes([bits]) for bits in range(0x80)]
_MORE = [bytes([bits | 0x80]) for bits in range(0x80)]


def number_tag(message: Descriptor, field: str) -> bytes:
    """The tag of an integer, boolean or enum field."""
    return varint(message.fields_by_name[field].number << 3 | _VARINT)


def nested_tag(message: Descriptor, field: str) -> bytes:
    """The tag of a message, string or bytes field."""
    return varint(message.fields_by_name[field].number << 3 | _LENGTH_DELIMITED)


def nested_pieces(tag: bytes, messages: Iterable[Pieces]) -> list[bytes | memoryview]:
    """The items of a repeated message field, in pieces."""
    fields: list[bytes | memoryview] = []
    for length, pieces in messages:
        fields.append(tag + varint(length))
        fields += pieces
    return fields


def number(tag: bytes, value: int) -> bytes:
    """An integer, boolean or enum field; `value` is not negative. Left out where it is 0."""
    return tag + varint(value) if value else b""


TimestampEncoder = Callable[[bytes, Instant], bytes]
"""Encodes a `google.protobuf.Timestamp` field, given its tag and the instant, which is not before 1970."""


def timestamp_encoder() -> TimestampEncoder:
    """An encoder for one thread: it fills one message again and again, in half the time of a new one for each."""
    message = Timestamp()
    serialize = message.SerializeToString

    def encode(tag: bytes, instant: Instant) -> bytes:
        message.seconds, microseconds = divmod(instant, SECOND)
        message.nanos = microseconds * 1_000
        # Shorter than 0x80: the length is a single byte.
        encoded = serialize()
        return tag + _LAST[len(encoded)] + encoded

    return encode
