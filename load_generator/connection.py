"""One HTTP/2 connection, and the gRPC calls on it.

A call is a stream with messages in both directions, so streaming calls work like unary ones: `open`, then `send` any
number of times. Nothing here blocks: `read` and `flush` do what can be done now.
"""

from __future__ import annotations

import socket
import ssl
import struct
from typing import Protocol

from load_generator import frames
from load_generator.frames import NO_STATUS, Status, status_of

CONNECT_TIMEOUT_S = 5.0
_READ_BYTES = 1 << 20
_WINDOW_REFILL = 1 << 30
"""Number of received bytes after which the connection's window is refilled; streams have the largest window."""
_PREFIX = struct.Struct(">BI")
"""Prefix of each gRPC message: the compression flag and the length."""

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

CONNECTION_LOST = Status(-2, "the connection ended")


class Call(Protocol):
    """Receives the response of one stream."""

    def received(self, message: bytes) -> None:
        """Handle a message of the response."""

    def ended(self, status: Status) -> None:
        """Handle the end of the stream."""


class _Stream:
    __slots__ = ("call", "incoming", "last", "outgoing", "window")

    def __init__(self, call: Call, window: int) -> None:
        self.call = call
        self.window = window
        self.outgoing = b""
        self.last = False
        self.incoming = bytearray()


class Connection:
    """Calls in flight on one socket."""

    def __init__(self, address: tuple[str, int], trusting: ssl.SSLContext | None = None) -> None:
        """With `trusting`, connect by TLS."""
        self._socket = socket.create_connection(address, CONNECT_TIMEOUT_S)
        if trusting is not None:
            self._socket = trusting.wrap_socket(self._socket, server_hostname=address[0])
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._in = bytearray()
        self._out = bytearray(frames.PREFACE)
        self._out += frames.settings(
            {
                frames.HEADER_TABLE_SIZE: 0,
                frames.ENABLE_PUSH: 0,
                frames.INITIAL_WINDOW_SIZE: frames.WINDOW_MAX,
            }
        )
        self._out += frames.window_update(0, frames.WINDOW_MAX - frames.WINDOW_DEFAULT)
        self._streams: dict[int, _Stream] = {}
        self._next_stream = 1
        self._window = frames.WINDOW_DEFAULT
        self._stream_window = frames.WINDOW_DEFAULT
        self._frame_bytes_max = frames.FRAME_BYTES_DEFAULT
        self._streams_max = frames.WINDOW_MAX
        self._unconfirmed_bytes = 0
        self._header_block = bytearray()
        self._header_block_ends_stream = False
        self._statuses: dict[bytes, Status] = {}
        self.is_open = True

    def fileno(self) -> int:
        """Return the socket's descriptor for `select`."""
        return self._socket.fileno()

    @property
    def is_full(self) -> bool:
        """True if no further call can be opened now."""
        return not self.is_open or len(self._streams) >= self._streams_max

    @property
    def has_output(self) -> bool:
        """True if bytes wait to be written to the socket."""
        return bool(self._out)

    def open(self, headers: bytes, call: Call) -> int:
        """Begin a call with this header block, and return its stream."""
        stream = self._next_stream
        self._next_stream += 2
        self._streams[stream] = _Stream(call, self._stream_window)
        self._out += frames.frame(frames.HEADERS, frames.END_HEADERS, stream, headers)
        return stream

    def send(self, stream: int, message: bytes, *, last: bool) -> None:
        """Send a message on an open stream; `last` ends the request."""
        state = self._streams[stream]
        state.outgoing += _PREFIX.pack(0, len(message)) + message
        state.last = last
        self._send_fitting(stream, state)

    def flush(self) -> None:
        """Write as much as the socket takes now."""
        if not self._out:
            return
        try:
            taken = self._socket.send(self._out)
        except _NOT_NOW:
            return
        except OSError:
            self.close()
            return
        del self._out[:taken]

    def read(self) -> None:
        """Receive the available bytes, and pass them to the calls."""
        try:
            received = self._socket.recv(_READ_BYTES)
            # A record of TLS at a time: those that have been decrypted already are not visible to `select`.
            while received and isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                received += self._socket.recv(_READ_BYTES)
        except _NOT_NOW:
            return
        except OSError:
            received = b""
        if not received:
            self.close()
            return
        self._in += received
        for frame in frames.take_frames(self._in):
            self._handle(frame)

    def close(self) -> None:
        """Close the socket; calls in flight end with `CONNECTION_LOST`."""
        self.is_open = False
        self._socket.close()
        streams, self._streams = self._streams, {}
        for state in streams.values():
            state.call.ended(CONNECTION_LOST)

    def _handle(self, frame: frames.Frame) -> None:
        match frame.kind:
            case frames.DATA:
                self._handle_data(frame)
            case frames.HEADERS | frames.CONTINUATION:
                self._handle_headers(frame)
            case frames.WINDOW_UPDATE:
                self._handle_window(frame)
            case frames.RST_STREAM:
                error = int.from_bytes(frame.payload, "big")
                self._end(frame.stream, Status(CONNECTION_LOST.code, f"the stream was reset with error {error}"))
            case frames.SETTINGS if not frame.flags & frames.ACK:
                self._handle_settings(frames.read_settings(frame.payload))
            case frames.PING:
                self._out += frames.acknowledgement(frame)
            case frames.GOAWAY:
                # The server still responds to the streams it has accepted; no new one can be opened.
                self._streams_max = 0
                last = int.from_bytes(frame.payload[:4], "big") & frames.WINDOW_MAX
                for stream in [stream for stream in self._streams if stream > last]:
                    self._end(stream, CONNECTION_LOST)

    def _handle_data(self, frame: frames.Frame) -> None:
        self._unconfirmed_bytes += len(frame.payload)
        if self._unconfirmed_bytes >= _WINDOW_REFILL:
            self._out += frames.window_update(0, self._unconfirmed_bytes)
            self._unconfirmed_bytes = 0
        state = self._streams.get(frame.stream)
        if state is None:
            return
        state.incoming += frames.content(frame)
        while len(state.incoming) >= _PREFIX.size:
            _, length = _PREFIX.unpack_from(state.incoming)
            end = _PREFIX.size + length
            if len(state.incoming) < end:
                break
            state.call.received(bytes(state.incoming[_PREFIX.size : end]))
            del state.incoming[:end]
        if frame.flags & frames.END_STREAM:
            self._end(frame.stream, Status(NO_STATUS, "the response ended without trailers"))

    def _handle_headers(self, frame: frames.Frame) -> None:
        self._header_block += frames.content(frame)
        if frame.kind == frames.HEADERS:
            self._header_block_ends_stream = bool(frame.flags & frames.END_STREAM)
        if not frame.flags & frames.END_HEADERS:
            return
        block = bytes(self._header_block)
        self._header_block.clear()
        if self._header_block_ends_stream:
            # Nearly all trailers are the same bytes, and without a dynamic table these always mean the same.
            status = self._statuses.get(block)
            if status is None:
                status = self._statuses[block] = status_of(block)
            self._end(frame.stream, status)

    def _handle_window(self, frame: frames.Frame) -> None:
        increment = int.from_bytes(frame.payload, "big") & frames.WINDOW_MAX
        if frame.stream == 0:
            self._window += increment
            self._send_waiting()
        elif (state := self._streams.get(frame.stream)) is not None:
            state.window += increment
            self._send_fitting(frame.stream, state)

    def _handle_settings(self, values: dict[int, int]) -> None:
        self._streams_max = values.get(frames.MAX_CONCURRENT_STREAMS, self._streams_max)
        self._frame_bytes_max = values.get(frames.MAX_FRAME_SIZE, self._frame_bytes_max)
        window = values.get(frames.INITIAL_WINDOW_SIZE, self._stream_window)
        for state in self._streams.values():
            state.window += window - self._stream_window
        self._stream_window = window
        self._out += frames.frame(frames.SETTINGS, frames.ACK, 0)
        self._send_waiting()

    def _send_waiting(self) -> None:
        for stream, state in self._streams.items():
            if state.outgoing:
                self._send_fitting(stream, state)

    def _send_fitting(self, stream: int, state: _Stream) -> None:
        """Send as much as the windows of stream and connection allow."""
        while state.outgoing:
            size = min(len(state.outgoing), self._frame_bytes_max, self._window, state.window)
            if size <= 0:
                return
            chunk, state.outgoing = state.outgoing[:size], state.outgoing[size:]
            self._window -= size
            state.window -= size
            flags = frames.END_STREAM if state.last and not state.outgoing else 0
            self._out += frames.frame(frames.DATA, flags, stream, chunk)

    def _end(self, stream: int, status: Status) -> None:
        state = self._streams.pop(stream, None)
        if state is not None:
            state.call.ended(status)
