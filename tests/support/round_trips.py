"""Counting the round trips to the database."""

from __future__ import annotations

import struct

ENDS = frozenset(b"SQ")
"""The messages Sync and Query. Whatever a client sends for one reply ends with one of them.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""


def has_commit(sent: bytes) -> bool:
    """Return whether a client sends COMMIT, alone or behind prepared statements."""
    # The latter is a Bind message: an empty name of a portal, and the name of the statement.
    return b"Q\0\0\0\x0bCOMMIT\0" in sent or b"\0commit\0" in sent


class RoundTrips:
    """A counter of round trips in the bytes that a client sends."""

    def __init__(self) -> None:
        self.count = 0
        self._begun = b""

    def __call__(self, chunk: bytes) -> bool:
        """Count a chunk; a proxy rule that never applies. The first chunk must begin at a message."""
        self._begun += chunk
        while len(self._begun) >= 5:
            kind, length = struct.unpack_from(">BI", self._begun)
            if len(self._begun) <= length:
                break
            self.count += kind in ENDS
            self._begun = self._begun[length + 1 :]
        return False
