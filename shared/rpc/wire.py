"""The parts of the protobuf wire format that splicing relies on.

https://protobuf.dev/programming-guides/encoding/

- A message is its fields one after the other, in any order; each is a tag (field number and wire type) and a value.
- The items of a repeated message field are fields of their own, so encodings of items can be joined.
- Appending a field to an encoded message sets it. No appended field can unset another one.
- A repeated enum field is a tag, the length of its values, and each value as a varint.
- A nested message is a tag, its length, and its encoding.
- Proto3 omits fields with their default value (0, false, empty). Parsers accept them all the same.
- A varint may be longer than necessary: up to ten bytes, of which the highest may be empty.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import add
from struct import Struct
from sys import byteorder
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


_LANES = 128
"""Number of timestamps that are encoded together."""
_LANE_BYTES = 8
_EACH_LANE = int.from_bytes(bytes([1, *bytes(_LANE_BYTES - 1)]) * _LANES, "little")
_GROUPS = [_EACH_LANE * (0x7F << 8 * group) for group in range(6)]
"""In each lane the byte for each group of 7 bits of a varint."""
_SECONDS_MORE = _EACH_LANE * int.from_bytes(b"\x80" * 5 + b"\0" + _NANOS, "little")
"""The high bits of the seconds, and the tag that follows them."""
_NANOS_MORE = _EACH_LANE * int.from_bytes(b"\x80" * 4, "little")
_each_seconds = Struct("7sx" * _LANES).unpack
_each_nanos = Struct("5s3x" * _LANES).unpack


def timestamp_rests(instants: Sequence[Instant | None]) -> Sequence[bytes | None]:
    """Return what follows the `timestamp_tag` in the `timestamp_field` of each instant; None stays None.

    A list may have a thousand timestamps. Each is a lane of a long integer here, and a lane costs a quarter of a
    `timestamp_field`.
    """
    missing = instants.count(None)
    if missing == len(instants):
        return [None] * missing
    known = [instant for instant in instants if instant is not None]
    rests = chain.from_iterable(_rests(known[start : start + _LANES]) for start in range(0, len(known), _LANES))
    if not missing:
        return list(rests)
    return [None if instant is None else next(rests) for instant in instants]


def _rests(instants: Sequence[Instant]) -> Iterator[bytes]:
    """Return what `timestamp_rests` does for as many instants as there are lanes at most."""
    seconds = _lanes([instant // SECOND for instant in instants])
    nanos = (_lanes(instants) - seconds * SECOND) * 1_000
    # Lanes without an instant are encoded, too.
    encoded_seconds = (_spread(seconds, 6) | _SECONDS_MORE).to_bytes(_LANES * _LANE_BYTES, "little")
    encoded_nanos = (_spread(nanos, 5) | _NANOS_MORE).to_bytes(_LANES * _LANE_BYTES, "little")
    return islice(map(add, _each_seconds(encoded_seconds), _each_nanos(encoded_nanos)), len(instants))


def _lanes(numbers: Sequence[int]) -> int:
    """Return an integer with a number from 0 to 2^63-1 in each lane."""
    lanes = array("Q", numbers)
    if byteorder == "big":
        lanes.byteswap()
    return int.from_bytes(lanes.tobytes(), "little")


def _spread(lanes: int, groups: int) -> int:
    """Return the number of each lane in groups of 7 bits, a byte for each."""
    spread = 0
    for group in range(groups):
        spread |= lanes << group & _GROUPS[group]
    return spread
