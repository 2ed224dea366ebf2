"""Raw HTTP/2 connections that misbehave as no gRPC client does."""

from __future__ import annotations

import select
import socket
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar, Self

from devstack.ports import LOOPBACK
from load_generator import frames
from load_generator.headers import request_headers

CONNECT_S = 5.0
READ_BYTES = 65_536
HOLD_INTERVAL_S = 0.05
CALL_INTERVAL_S = 0.05
CALLS_AT_ONCE = 4
"""Calls in each interval of each connection: few enough that the calls themselves are no overload."""


class _Connections(ABC):
    """Connections that announce the largest flow-control windows, opened again whenever the server ends them."""

    pause_s: ClassVar[float]
    """Seconds before a connection is opened again."""

    def __init__(self, port: int, path: str, connections: int) -> None:
        self.ended = 0
        """Number of calls or connections that the server has ended."""
        self._port = port
        self._headers = request_headers(path, LOOPBACK)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._misbehave, name="attack", daemon=True) for _ in range(connections)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _misbehave(self) -> None:
        settings = {frames.HEADER_TABLE_SIZE: 0, frames.INITIAL_WINDOW_SIZE: frames.WINDOW_MAX}
        window = frames.window_update(0, frames.WINDOW_MAX - frames.WINDOW_DEFAULT)
        while not self._stopping.is_set():
            with suppress(OSError), socket.create_connection((LOOPBACK, self._port), CONNECT_S) as connection:
                connection.sendall(frames.PREFACE + frames.settings(settings) + window)
                self._misbehave_on(connection)
            self._stopping.wait(self.pause_s)

    @abstractmethod
    def _misbehave_on(self, connection: socket.socket) -> None:
        """Misbehave until the connection ends or the attack stops."""


class HeldCalls(_Connections):
    """Calls on one connection that send headers and no body."""

    pause_s = 0.2

    def __init__(self, port: int, path: str, count: int) -> None:
        """`count` is the number of calls."""
        super().__init__(port, path, connections=1)
        self._count = count

    def _misbehave_on(self, connection: socket.socket) -> None:
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
                elif frame.kind == frames.GOAWAY:
                    return
                elif reply := frames.acknowledgement(frame):
                    connection.sendall(reply)


class NeverReading(_Connections):
    """Connections with complete calls whose responses are never read."""

    pause_s = CALL_INTERVAL_S

    def __init__(self, port: int, path: str, body: bytes, connections: int) -> None:
        """`body` is the encoded request of each call."""
        super().__init__(port, path, connections)
        self._message = b"\0" + len(body).to_bytes(4, "big") + body

    def _misbehave_on(self, connection: socket.socket) -> None:
        try:
            self._call_on(connection)
        except ConnectionError:
            self.ended += 1

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
                    + frames.frame(frames.DATA, frames.END_STREAM, stream, self._message)
                )
                stream += 2
