"""The few facts of the protobuf wire format that splicing stands on.

https://protobuf.dev/programming-guides/encoding/

- A message is its fields one after the other, in any order; each is a tag (field number and wire type) and a value.
- The items of a repeated message field are fields of their own, so encodings of items can be joined.
- Appending a field to an encoded message sets it. Nothing that is appended can un-set a field.
- A nested message is a tag, its length, and its encoding.
- Proto3 leaves out what has its default value: 0, false, empty.
"""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor

from shared.domain.instant import SECOND, Instant

_VARINT = 0
_LENGTH_DELIMITED = 2


def varint(number: int) -> bytes:
    """A number from 0 to 2^63-1: 7 bits a byte, the lowest first, the high bit saying that more follow."""
    if number < 0x80:
        return _ONE_BYTE[number]
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


_ONE_BYTE = [bytes([number]) for number in range(0x80)]


def number_tag(message: Descriptor, field: str) -> bytes:
    """The tag of an integer, boolean or enum field."""
    return varint(message.fields_by_name[field].number << 3 | _VARINT)


def nested_tag(message: Descriptor, field: str) -> bytes:
    """The tag of a message, string or bytes field."""
    return varint(message.fields_by_name[field].number << 3 | _LENGTH_DELIMITED)


def nested(tag: bytes, encoding: bytes) -> bytes:
    """A field that holds an encoded message, or the bytes of a string."""
    return tag + varint(len(encoding)) + encoding


def number(tag: bytes, value: int) -> bytes:
    """An integer, boolean or enum field; `value` is not negative. Left out where it is 0."""
    return tag + varint(value) if value else b""


def timestamp(tag: bytes, instant: Instant | None) -> bytes:
    """A `google.protobuf.Timestamp` field; left out where there is no instant. The instant is not before 1970."""
    if instant is None:
        return b""
    seconds, microseconds = divmod(instant, SECOND)
    return nested(tag, number(b"\x08", seconds) + number(b"\x10", microseconds * 1000))
