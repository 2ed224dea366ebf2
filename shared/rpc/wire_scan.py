"""A scan over the top-level fields of an encoded message, without parsing it."""

from __future__ import annotations

from collections.abc import Iterator

from shared.domain.errors import InvalidRequest

_VARINT, _FIXED_64, _LENGTH_DELIMITED, _FIXED_32 = 0, 1, 2, 5
_FIXED_BYTES = {_FIXED_64: 8, _FIXED_32: 4}


def field_numbers(raw: bytes) -> Iterator[int]:
    """Yield the number of each field in order. Raise `InvalidRequest` for malformed bytes, and for groups.

    Groups are valid in unknown fields but deprecated: no library of proto3 writes them.
    """
    position, end = 0, len(raw)
    try:
        while position < end:
            tag = raw[position]
            position += 1
            if tag >= 0x80:
                tag, position = _rest_of_varint(raw, position, tag)
            kind = tag & 7
            if kind == _LENGTH_DELIMITED:
                length = raw[position]
                position += 1
                if length >= 0x80:
                    length, position = _rest_of_varint(raw, position, length)
                position += length
            elif kind == _VARINT:
                while raw[position] >= 0x80:
                    position += 1
                position += 1
            else:
                position += _FIXED_BYTES[kind]
            yield tag >> 3
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
