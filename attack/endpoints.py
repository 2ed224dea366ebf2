"""Servers that misbehave towards the services: a webhook with endless responses, and a Redis that trickles."""

from __future__ import annotations

import socket
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

from devstack.ports import LOOPBACK

ENDLESS_100 = b"HTTP/1.1 100 Continue\r\n\r\n"
TRICKLED = b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 1_000_000
TRICKLE_S = 0.2
BYTE_S = 0.02
"""Pause in seconds between two bytes, shorter than the timeout of a single read."""
CHUNK_BYTES = 65_536
ACCEPT_S = 0.2


class _Listener(ABC):
    """A listener on a free port that handles each connection in a thread."""

    def __init__(self) -> None:
        self.connections = 0
        self._closing = threading.Event()

        class Handler(BaseRequestHandler):
            def handle(handler) -> None:  # noqa: N805 - `self` is the listener
                self.connections += 1
                with suppress(OSError):
                    self._handle(handler.request)

        self._server = ThreadingTCPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads, self._server.block_on_close = True, False
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(ACCEPT_S,), name="endpoint", daemon=True).start()

    def close(self) -> None:
        """Stop accepting; open connections end soon."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    @abstractmethod
    def _handle(self, connection: socket.socket) -> None:
        """Serve one connection; it is closed afterwards."""


class BadWebhook(_Listener):
    """A webhook whose response never ends while it misbehaves: interim responses, or a byte of header at a time."""

    def __init__(self, *, trickle: bool) -> None:
        self.misbehaves = True
        self.longest_s = 0.0
        """The longest time a caller stayed so far."""
        self._trickle = trickle
        super().__init__()

    @property
    def url(self) -> str:
        """The address for grants."""
        return f"http://{LOOPBACK}:{self.port}/grants"

    def _handle(self, connection: socket.socket) -> None:
        connection.recv(CHUNK_BYTES)
        started = time.monotonic()
        position = 0
        while self.misbehaves and not self._closing.is_set():
            if self._trickle:
                connection.sendall(TRICKLED[position : position + 1])
                position += 1
                time.sleep(TRICKLE_S)
            else:
                connection.sendall(ENDLESS_100)
            self.longest_s = max(self.longest_s, time.monotonic() - started)
        if not position:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


class TricklingProxy(_Listener):
    """A proxy to Redis that can deliver replies a byte at a time."""

    def __init__(self, target_port: int) -> None:
        self.trickle = False
        self._target_port = target_port
        super().__init__()

    def _handle(self, connection: socket.socket) -> None:
        with socket.create_connection((LOOPBACK, self._target_port)) as redis:
            threading.Thread(target=_forward, args=(connection, redis), daemon=True).start()
            while chunk := redis.recv(CHUNK_BYTES):
                position = 0
                while self.trickle and position < len(chunk) and not self._closing.is_set():
                    connection.sendall(chunk[position : position + 1])
                    position += 1
                    time.sleep(BYTE_S)
                connection.sendall(chunk[position:])


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(CHUNK_BYTES):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
