"""Raw HTTP/2 connections that misbehave as no gRPC client does."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress

from devstack.ports import LOOPBACK
from load_generator import frames
from load_generator.headers import request_headers

CONNECT_S = 5.0
READ_BYTES = 65_536
RECONNECT_S = 0.2
HOLD_INTERVAL_S = 0.05
CALL_INTERVAL_S = 0.05
CALLS_AT_ONCE = 4
"""Calls in each interval of each connection: few enough that the calls themselves are no overload."""


def connect(port: int) -> socket.socket:
    """Open a connection that announces the largest flow-control windows."""
    connection = socket.create_connection((LOOPBACK, port), CONNECT_S)
    settings = {frames.HEADER_TABLE_SIZE: 0, frames.INITIAL_WINDOW_SIZE: frames.WINDOW_MAX}
    window = frames.window_update(0, frames.WINDOW_MAX - frames.WINDOW_DEFAULT)
    connection.sendall(frames.PREFACE + frames.settings(settings) + window)
    return connection


def message(body: bytes) -> bytes:
    """Return an uncompressed gRPC message."""
    return b"\0" + len(body).to_bytes(4, "big") + body


class HeldCalls:
    """Calls on one connection that send headers and no body, opened again whenever the server ends them."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self.ended = 0
        """Number of calls that the server has ended."""
        self._port, self._count = port, count
        self._headers = request_headers(path, LOOPBACK)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._hold, name="held calls", daemon=True)

    def __enter__(self) -> HeldCalls:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _hold(self) -> None:
        while not self._stopping.is_set():
            with suppress(OSError), connect(self._port) as connection:
                self._hold_on(connection)
            self._stopping.wait(RECONNECT_S)

    def _hold_on(self, connection: socket.socket) -> None:
        """Keep the calls open until the connection ends."""
        connection.settimeout(HOLD_INTERVAL_S)
        received, held, next_stream = bytearray(), set[int](), 1
        while not self._stopping.is_set():
            opened = b""
            while len(held) < self._count:
                opened += frames.frame(frames.HEADERS, frames.END_HEADERS, next_stream, self._headers)
                held.add(next_stream)
                next_stream += 2
            if opened:
                connection.sendall(opened)
            try:
                chunk = connection.recv(READ_BYTES)
            except TimeoutError:
                continue
            if not chunk:
                return
            received += chunk
            for frame in frames.take_frames(received):
                ends = frame.kind == frames.RST_STREAM or (
                    frame.kind == frames.HEADERS and frame.flags & frames.END_STREAM
                )
                if ends and frame.stream in held:
                    held.remove(frame.stream)
                    self.ended += 1
                elif frame.kind == frames.SETTINGS and not frame.flags & frames.ACK:
                    connection.sendall(frames.frame(frames.SETTINGS, frames.ACK, 0))
                elif frame.kind == frames.PING and not frame.flags & frames.ACK:
                    connection.sendall(frames.frame(frames.PING, frames.ACK, 0, frame.payload))
                elif frame.kind == frames.GOAWAY:
                    return


class NeverReading:
    """Connections with complete calls whose responses are never read, opened again whenever the server ends them."""

    def __init__(self, port: int, path: str, body: bytes, connections: int) -> None:
        self.ended = 0
        """Number of connections that the server has ended."""
        self._port = port
        self._headers, self._body = request_headers(path, LOOPBACK), message(body)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, name="never reading", daemon=True) for _ in range(connections)
        ]

    def __enter__(self) -> NeverReading:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        while not self._stopping.is_set():
            with suppress(OSError), connect(self._port) as connection:
                self._call_on(connection)
            self._stopping.wait(CALL_INTERVAL_S)

    def _call_on(self, connection: socket.socket) -> None:
        hung_up = select.poll()
        hung_up.register(connection, select.POLLRDHUP)
        stream = 1
        while not self._stopping.wait(CALL_INTERVAL_S):
            if hung_up.poll(0):
                self.ended += 1
                return
            for _ in range(CALLS_AT_ONCE):
                connection.sendall(
                    frames.frame(frames.HEADERS, frames.END_HEADERS, stream, self._headers)
                    + frames.frame(frames.DATA, frames.END_STREAM, stream, self._body)
                )
                stream += 2
