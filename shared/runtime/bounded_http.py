"""HTTP connections with one deadline over a whole exchange, and a bound on the bytes of a response.

The timeouts of HTTP libraries restart with every byte that is received, and interim responses (`100 Continue`) may be
repeated without end. Here resolving, connecting, sending, headers, interim responses and body share one deadline, and
whatever comes from the server counts towards one maximum.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

RESPONSE_BYTES_MAX = 64 * 1024
"""Maximum bytes of a response that are received: interim responses, headers and the part of the body that is read."""


class ResponseTooLarge(OSError):
    """The server sent more than `RESPONSE_BYTES_MAX`."""


class _Exchange(threading.local):
    """The exchange of the current thread."""

    deadline = 0.0
    """In monotonic seconds."""

    def remaining_s(self) -> float:
        """Return the time until the deadline; raise TimeoutError if it has passed."""
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the exchange took longer than its time limit")
        return remaining


_exchange = _Exchange()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Bound everything that connections of this module do in this thread while the block runs."""
    _exchange.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        _exchange.deadline = 0.0


def bounded_pool(connections: int) -> urllib3.PoolManager:
    """Return a pool of connections to one server, which are only to be used within `time_limit`.

    It does not retry, and it ignores proxies in the environment.
    """
    # By default every new connection would read the system's certificates, which takes 0.1 s of CPU time.
    pool = urllib3.PoolManager(
        num_pools=1, maxsize=connections, retries=False, ssl_context=ssl.create_default_context()
    )
    pool.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
    return pool


class _BoundedStream(io.RawIOBase):
    """The bytes of one response."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        # Holds the socket open until the response is read, even if the connection is closed before.
        self._stream = sock.makefile("rb", buffering=0)
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self._received > RESPONSE_BYTES_MAX:
            raise ResponseTooLarge(f"the response is larger than {RESPONSE_BYTES_MAX // 1024} KiB")
        self._socket.settimeout(_exchange.remaining_s())
        count = self._stream.readinto(buffer)
        self._received += count or 0
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_BoundedStream(sock))

    def begin(self) -> None:
        """Read the headers. The library skips only `100 Continue`, and takes `103 Early Hints` for the response."""
        super().begin()
        while 101 < self.status < 200:
            self.headers = None  # type: ignore[assignment]  # the sign that nothing was read yet
            super().begin()


class _BoundedConnection(HTTPConnection):
    """A connection whose operations end at the deadline of the exchange."""

    response_class = _BoundedResponse

    def connect(self) -> None:
        # Each address of the host is tried for the whole timeout.
        addresses = self._count_addresses()
        self.timeout = _exchange.remaining_s() / addresses
        super().connect()

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self.sock.settimeout(_exchange.remaining_s())
        super().send(data)

    def _count_addresses(self) -> int:
        with suppress(OSError, UnicodeError):
            return len(socket.getaddrinfo(self.host.strip("[]"), self.port, type=socket.SOCK_STREAM)) or 1
        return 1  # connecting reports the error


class _BoundedSecureConnection(_BoundedConnection, HTTPSConnection):
    """The same with TLS, whose handshake is one operation."""


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _BoundedConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _BoundedSecureConnection
