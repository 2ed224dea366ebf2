"""Streaming calls: each message sent on a stream has one response, in order."""

from __future__ import annotations

from collections import deque

from load_generator.connection import CONNECTION_LOST, Call
from load_generator.exchange import Line
from load_generator.headers import Status

_OK = Status(0, "")


class Streams:
    """Streams of one method; a message goes to the one with the fewest outstanding responses."""

    def __init__(self, line: Line, headers: bytes, count: int) -> None:
        """Open `count` streams with the header block `headers`."""
        self._streams = [_Stream(line, headers) for _ in range(count)]

    def call(self, message: bytes, call: Call) -> None:
        """Send a message; `call` receives its response like that of a unary call."""
        min(self._streams, key=lambda stream: stream.load).call(message, call)


class _Stream:
    def __init__(self, line: Line, headers: bytes) -> None:
        self._outstanding: deque[Call] = deque()
        self._end: Status | None = None
        self._send = line.open(headers, self)

    @property
    def load(self) -> float:
        """The number of outstanding responses; infinite for a stream that has ended."""
        return len(self._outstanding) if self._end is None else float("inf")

    def call(self, message: bytes, call: Call) -> None:
        if self._end is not None or self._send is None:
            call.ended(self._end or CONNECTION_LOST)
            return
        self._outstanding.append(call)
        self._send(message)

    def received(self, message: bytes) -> None:
        """Pass the response to the oldest message."""
        call = self._outstanding.popleft()
        call.received(message)
        call.ended(_OK)

    def ended(self, status: Status) -> None:
        """End all outstanding messages with the stream."""
        self._end = status
        while self._outstanding:
            self._outstanding.popleft().ended(status)
