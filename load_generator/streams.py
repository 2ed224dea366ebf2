"""Calls that stay open: every message that is sent on one is answered by one, in order."""

from __future__ import annotations

from collections import deque

from load_generator.connection import CONNECTION_LOST, Call
from load_generator.exchange import Line
from load_generator.headers import Status

_ANSWERED = Status(0, "")


class Streams:
    """Streams of one method; a message goes to the one that has the fewest unanswered."""

    def __init__(self, line: Line, headers: bytes, count: int) -> None:
        """`headers` is the header block that opens each of them."""
        self._streams = [_Stream(line, headers) for _ in range(count)]

    def call(self, message: bytes, call: Call) -> None:
        """Send a message; its answer is heard as that of a call of its own."""
        min(self._streams, key=lambda stream: stream.load).call(message, call)


class _Stream:
    def __init__(self, line: Line, headers: bytes) -> None:
        self._unanswered: deque[Call] = deque()
        self._end: Status | None = None
        self._send = line.open(headers, self)

    @property
    def load(self) -> float:
        """How many messages are unanswered; one that has ended is the last to be taken."""
        return len(self._unanswered) if self._end is None else float("inf")

    def call(self, message: bytes, call: Call) -> None:
        if self._end is not None or self._send is None:
            call.ended(self._end or CONNECTION_LOST)
            return
        self._unanswered.append(call)
        self._send(message)

    def received(self, message: bytes) -> None:
        """The answer to the oldest message."""
        call = self._unanswered.popleft()
        call.received(message)
        call.ended(_ANSWERED)

    def ended(self, status: Status) -> None:
        """The stream has ended, and with it all that is unanswered."""
        self._end = status
        while self._unanswered:
            self._unanswered.popleft().ended(status)
