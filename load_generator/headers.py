"""Header blocks of HTTP/2 (HPACK, RFC 7541), as far as a gRPC caller needs them.

Requests are written as literals that are never indexed, so a method's block is the same for every call. Answers cannot
refer to a dynamic table, because the caller announces one of size 0; so each block can be read by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

NO_STATUS = -1
"""Stands for the code of a call that ended without one."""

_NEVER_INDEXED = 0x10
_HUFFMAN = 0x80

_HTTP_STATUS = {8: "200", 9: "204", 10: "206", 11: "304", 12: "400", 13: "404", 14: "500"}
"""The entries of the static table (appendix A) that hold a whole `:status`; no other entry matters here."""
_STATUS_NAMES = range(8, 15)


class Status(NamedTuple):
    """How a call ended: gRPC's code (or one below 0 if it gave none), and its message."""

    code: int
    message: str = ""


def encoded(headers: Iterable[tuple[str, str]]) -> bytes:
    """A header block; names in lower case, those that begin with a colon first."""
    block = bytearray()
    for name, value in headers:
        block.append(_NEVER_INDEXED)
        block += _text(name)
        block += _text(value)
    return bytes(block)


def status_of(block: bytes) -> Status:
    """The status that trailers tell."""
    fields = dict(_fields(block))
    code = fields.get("grpc-status", "")
    if not code.isdecimal():
        return Status(NO_STATUS, f"no grpc-status; HTTP status {fields.get(':status', 'unknown')}")
    return Status(int(code), unquote(fields.get("grpc-message", "")))


def _text(text: str) -> bytes:
    raw = text.encode("ascii")
    return _integer(len(raw), 7) + raw


def _integer(number: int, prefix_bits: int) -> bytes:
    """An integer whose first byte has `prefix_bits` of room and zeros above (section 5.1)."""
    limit = (1 << prefix_bits) - 1
    if number < limit:
        return bytes((number,))
    encoded_number = bytearray((limit,))
    number -= limit
    while number >= 0x80:
        encoded_number.append(number & 0x7F | 0x80)
        number >>= 7
    encoded_number.append(number)
    return bytes(encoded_number)


def _fields(block: bytes) -> Iterator[tuple[str, str]]:
    """The fields with their names; the name is empty where it comes from the static table and is not `:status`."""
    position = 0
    while position < len(block):
        first = block[position]
        if first & 0x80:
            index, position = _read_integer(block, position, 7)
            if index in _HTTP_STATUS:
                yield ":status", _HTTP_STATUS[index]
        elif first & 0xE0 == 0x20:
            # The server confirms the size of its table.
            _, position = _read_integer(block, position, 5)
        else:
            index, position = _read_integer(block, position, 6 if first & 0x40 else 4)
            if index:
                name = ":status" if index in _STATUS_NAMES else ""
            else:
                name, position = _read_text(block, position)
            value, position = _read_text(block, position)
            yield name, value


def _read_integer(block: bytes, position: int, prefix_bits: int) -> tuple[int, int]:
    limit = (1 << prefix_bits) - 1
    number = block[position] & limit
    position += 1
    if number < limit:
        return number, position
    shift = 0
    while True:
        byte = block[position]
        position += 1
        number += (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, position


def _read_text(block: bytes, position: int) -> tuple[str, int]:
    """A string; Huffman codes stay unread, since gRPC's servers use them only for binary values."""
    huffman = block[position] & _HUFFMAN
    length, position = _read_integer(block, position, 7)
    end = position + length
    return "" if huffman else block[position:end].decode("latin-1"), end
