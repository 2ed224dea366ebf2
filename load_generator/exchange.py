"""Several connections to each server, used in turn, and streams on which each message has one response."""

from __future__ import annotations

import select
import ssl
from collections import deque
from collections.abc import Callable, Sequence

from load_generator.connection import CONNECTION_LOST, Call, Connection
from load_generator.frames import Status


class Line:
    """The connections to one server, and a queue of calls for which none of them has room."""

    def __init__(self, address: tuple[str, int], connections: int, trusting: ssl.SSLContext | None = None) -> None:
        """With `trusting` the connections use TLS."""
        self.connections = [Connection(address, trusting) for _ in range(connections)]
        self._next = 0
        self._waiting: deque[tuple[bytes, bytes, Call]] = deque()

    @property
    def is_open(self) -> bool:
        """True if any connection is open."""
        return any(connection.is_open for connection in self.connections)

    def call(self, headers: bytes, message: bytes, call: Call) -> None:
        """Begin a unary call, or queue it until a connection has room."""
        connection = self._with_room()
        if connection is not None:
            connection.send(connection.open(headers, call), message, last=True)
        elif self.is_open:
            self._waiting.append((headers, message, call))
        else:
            call.ended(CONNECTION_LOST)

    def open(self, headers: bytes, call: Call) -> Callable[[bytes], None] | None:
        """Begin a streaming call; return a function that sends a message, or None if there is no room."""
        connection = self._with_room()
        if connection is None:
            return None
        stream = connection.open(headers, call)
        return lambda message: connection.send(stream, message, last=False)

    def call_queued(self) -> None:
        """Begin the queued calls for which there is room now."""
        # Without an open connection all queued calls are begun, which ends them with an error.
        while self._waiting and (not self.is_open or self._with_room() is not None):
            self.call(*self._waiting.popleft())

    def _with_room(self) -> Connection | None:
        for _ in self.connections:
            self._next = (self._next + 1) % len(self.connections)
            connection = self.connections[self._next]
            if not connection.is_full:
                return connection
        return None


def step(lines: Sequence[Line], wait_s: float) -> None:
    """Send waiting bytes on all lines, then receive for at most `wait_s` seconds."""
    connections = [connection for line in lines for connection in line.connections if connection.is_open]
    for connection in connections:
        connection.flush()
    open_ones = [connection for connection in connections if connection.is_open]
    with_output = [connection for connection in open_ones if connection.has_output]
    # The resolution of `select` is microseconds; that of `epoll` is milliseconds, as long as a call takes.
    readable, writable, _ = select.select(open_ones, with_output, [], max(0.0, wait_s))
    for connection in writable:
        connection.flush()
    for connection in readable:
        connection.read()
    for line in lines:
        line.call_queued()


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
