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
from collections.abc import Iterable, Sequence
from struct import Struct
from sys import byteorder
from typing import NamedTuple, cast

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

    Of an instant before, which imports of earlier releases have stored, it is the beginning of 1970. `beginning` is a
    `timestamp_tag`, optionally after other fields. Building a message is slower. Larger tables are twice as fast alone
    but half as fast within a list, where they compete for the CPU caches.
    """
    if instant < 0:
        instant = 0
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


LANES = 100
"""Maximum number of timestamps that are encoded together."""
LANES_MIN = 4
"""Number of timestamps from which encoding them together is faster than one by one."""
_LANE_BYTES = 16
_QUOTIENT_BITS = 78
_RECIPROCAL = (1 << _QUOTIENT_BITS) // SECOND + 1
"""An instant times this, shifted by `_QUOTIENT_BITS`, is the instant in seconds: exactly, for instants below 2^58."""
_NANOS_SHIFT = 49
"""The nanos follow seven groups of 7 bits: six of the seconds, and one for the tag between."""


class _Lanes:
    """A long integer with a lane for each of some instants, and what it takes to encode all of them at once."""

    def __init__(self, count: int) -> None:
        self._bytes = _LANE_BYTES * count
        each_lane = int.from_bytes(bytes([1, *bytes(_LANE_BYTES - 1)]) * count, "little")
        self._seconds_bits = each_lane * ((1 << 38) - 1)
        self._spreading = [
            (
                step,
                each_lane * (each_half * ((1 << 7 * step) - 1)),
                each_lane * (each_half * (((1 << 7 * step) - 1) << 7 * step)),
            )
            for step, each_half in (
                (8, 1),
                (4, 1 | 1 << 64),
                (2, sum(1 << 32 * part for part in range(4))),
                (1, sum(1 << 16 * part for part in range(8))),
            )
        ]
        """Bits by which the upper half of each part is shifted to make room for high bits; masks of lower and upper
        halves."""
        self._more = each_lane * int.from_bytes(b"\x80" * 5 + b"\0" + _NANOS + b"\x80" * 4, "little")
        """In each lane the high bits of the seconds, the tag of the nanos, and their high bits."""
        self._no_instants = array("Q", bytes(self._bytes))
        self._each_rest = Struct(f"{TIMESTAMP_REST_LENGTH}s{_LANE_BYTES - TIMESTAMP_REST_LENGTH}x" * count).unpack

    def rests(self, instants: Sequence[Instant]) -> Sequence[bytes]:
        """Return what `timestamp_rests` does for as many instants as there are lanes at most."""
        lanes = self._no_instants[:]
        try:
            lanes[: 2 * len(instants) : 2] = array("Q", instants)
        except OverflowError:
            lanes[: 2 * len(instants) : 2] = array("Q", [max(instant, 0) for instant in instants])
        if byteorder == "big":
            lanes.byteswap()
        microseconds = int.from_bytes(lanes.tobytes(), "little")
        seconds = microseconds * _RECIPROCAL >> _QUOTIENT_BITS & self._seconds_bits
        groups = seconds | (microseconds - seconds * SECOND) * 1_000 << _NANOS_SHIFT
        for step, lower, upper in self._spreading:
            groups = groups & lower | (groups & upper) << step
        # Lanes without an instant are encoded, too.
        return self._each_rest((groups | self._more).to_bytes(self._bytes, "little"))[: len(instants)]


_FEW = 16
"""Number of lanes for few timestamps: they cost a quarter of `LANES`."""
_few_lanes, _all_lanes = _Lanes(_FEW), _Lanes(LANES)


def timestamp_rests(instants: Sequence[Instant | None]) -> Sequence[bytes | None]:
    """Return what follows the `timestamp_tag` in the `timestamp_field` of each instant; None stays None.

    A list may have a thousand timestamps. Each is a lane of a long integer here, and a lane costs a quarter of a
    `timestamp_field`.
    """
    missing = instants.count(None)
    if missing == len(instants):
        return [None] * missing
    if not missing:
        return _rests(cast("Sequence[Instant]", instants))
    rests = iter(_rests([instant for instant in instants if instant is not None]))
    return [None if instant is None else next(rests) for instant in instants]


def _rests(instants: Sequence[Instant]) -> Sequence[bytes]:
    if len(instants) < LANES_MIN:
        return [timestamp_field(b"", instant) for instant in instants]
    if len(instants) <= _FEW:
        return list(_few_lanes.rests(instants))
    rests: list[bytes] = []
    for start in range(0, len(instants), LANES):
        rests += _all_lanes.rests(instants[start : start + LANES])
    return rests
