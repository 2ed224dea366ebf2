"""Bookkeeping of one partition: how far it may be committed while its messages are settled in any order."""

from __future__ import annotations

from collections import deque


class Contiguous:
    """The open messages of a partition, in the order in which they were received.

    Offsets grow but may have gaps: compaction and transactions leave some out. If the broker goes back to an earlier
    offset, everything from there on comes again, so what was open there is forgotten.
    """

    __slots__ = ("_last", "_open", "_settled", "position")

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._settled: set[int] = set()
        self._last = -1
        self.position: int | None = None
        """The offset to commit: where to read on so that no message is left out; None until a message was received."""

    def __len__(self) -> int:
        """Return the number of messages received from `position` on."""
        return len(self._open)

    def take(self, offset: int) -> None:
        """Note a message that was received."""
        if offset <= self._last:
            self._go_back(offset)
        if not self._open and (self.position is None or offset < self.position):
            self.position = offset
        self._last = offset
        self._open.append(offset)

    def _go_back(self, offset: int) -> None:
        """Forget everything from an offset on."""
        while self._open and self._open[-1] >= offset:
            self._settled.discard(self._open.pop())

    def settle(self, offset: int) -> None:
        """Note that a message needs nothing any more. One that is not open is ignored."""
        open_offsets = self._open
        if not open_offsets or not open_offsets[0] <= offset <= self._last:
            return
        if offset != open_offsets[0]:
            self._settled.add(offset)
            return
        settled = self._settled
        open_offsets.popleft()
        self.position = offset + 1
        while open_offsets and open_offsets[0] in settled:
            offset = open_offsets.popleft()
            settled.remove(offset)
            self.position = offset + 1
