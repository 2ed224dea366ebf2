"""Files of numbered messages: requests to send, or responses received."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

_ENTRY = struct.Struct(">II")


def write(path: Path, entries: Iterable[tuple[int, bytes]]) -> int:
    """Write entries of a number (0 to 2^32-1) and a message; return how many."""
    count = 0
    with path.open("wb") as file:
        for number, message in entries:
            file.write(_ENTRY.pack(number, len(message)))
            file.write(message)
            count += 1
    return count


def read(path: Path) -> list[tuple[int, bytes]]:
    """Return all entries of a file."""
    content = path.read_bytes()
    entries = []
    position = 0
    while position < len(content):
        number, length = _ENTRY.unpack_from(content, position)
        position += _ENTRY.size
        entries.append((number, content[position : position + length]))
        position += length
    return entries
