"""A caller that speaks HTTP/2 itself, so that it can do what a gRPC library never does."""

from __future__ import annotations

import select
import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType

from load_generator import frames
from load_generator.frames import Status, request_headers, status_of

RST = Status(-2, "reset")


class RawCaller:
    """One connection; it reads only if it is told to."""

    def __init__(self, port: int, *, reads: bool = True, window_bytes: int = 65_535) -> None:
        """`window_bytes` is what the server may send of a response; with 0 it can send nothing but headers.

        If it is more than the default, it is also what the server may send of all responses together.
        """
        self.statuses: dict[int, Status] = {}
        """Statuses of ended calls by stream, filled while it reads."""
        self.is_open = True
        self.goaways = 0
        """Number of GOAWAY frames: requests of the server to use a new connection."""
        self.responses = 0
        """Number of DATA frames; a short response is one."""
        self._authority = f"127.0.0.1:{port}"
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._next_stream = 1
        self._socket.sendall(
            frames.PREFACE + frames.settings({frames.HEADER_TABLE_SIZE: 0, frames.INITIAL_WINDOW_SIZE: window_bytes})
        )
        if window_bytes > frames.WINDOW_DEFAULT:
            self._socket.sendall(frames.window_update(0, window_bytes - frames.WINDOW_DEFAULT))
        self._reader = threading.Thread(target=self._read, name="raw caller", daemon=True)
        if reads:
            self.start_reading()

    def __enter__(self) -> RawCaller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            # Closing alone would wait for the reader.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    @property
    def is_cut(self) -> bool:
        """True once the server has ended the connection, even if nothing is read."""
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    def start_reading(self) -> None:
        """Read from now on."""
        self._reader.start()

    def open(self, method: str, *, timeout_s: float = 600) -> int:
        """Send the headers of a call and no request; return its stream."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self._socket.sendall(
            frames.frame(
                frames.HEADERS, frames.END_HEADERS, stream, request_headers(method, self._authority, timeout_s)
            )
        )
        return stream

    def send(self, stream: int, raw: bytes, *, last: bool = True) -> None:
        """Send a request, of at most 16 KiB."""
        message = struct.pack(">BI", 0, len(raw)) + raw
        self._socket.sendall(frames.frame(frames.DATA, frames.END_STREAM if last else 0, stream, message))

    def _read(self) -> None:
        buffer = bytearray()
        try:
            while chunk := self._socket.recv(65_536):
                buffer += chunk
                for frame in frames.take_frames(buffer):
                    self._take(frame)
        except OSError:
            pass
        self.is_open = False

    def _take(self, frame: frames.Frame) -> None:
        if frame.kind == frames.SETTINGS and not frame.flags & frames.ACK:
            self._socket.sendall(frames.frame(frames.SETTINGS, frames.ACK, 0))
        elif frame.kind == frames.PING and not frame.flags & frames.ACK:
            self._socket.sendall(frames.frame(frames.PING, frames.ACK, 0, frame.payload))
        elif frame.kind == frames.DATA:
            self.responses += 1
        elif frame.kind == frames.GOAWAY:
            self.goaways += 1
        elif frame.kind == frames.HEADERS and frame.flags & frames.END_STREAM:
            self.statuses[frame.stream] = status_of(frame.payload)
        elif frame.kind == frames.RST_STREAM:
            self.statuses.setdefault(frame.stream, RST)
