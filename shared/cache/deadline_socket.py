"""Sockets with one deadline for everything that one use of Redis reads and writes.

The timeout of redis-py begins again with each received byte, so a server that trickles could hold a thread for hours.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ClusterDownError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection

_deadline = threading.local()


@contextmanager
def bounded(until: float) -> Iterator[None]:
    """Bound everything that this thread asks Redis, to `until` in monotonic seconds."""
    _deadline.until = until
    try:
        yield
    finally:
        del _deadline.until


def _remaining_s(otherwise: float | None) -> float | None:
    """Return the seconds until this thread's deadline, or `otherwise` if it has none.

    Raise `TimeoutError` if the deadline has passed.
    """
    until = getattr(_deadline, "until", None)
    if until is None:
        return otherwise
    remaining = float(until - time.monotonic())
    if remaining <= 0:
        raise TimeoutError("no time is left for Redis")
    return remaining


class DeadlineSocket:
    """A socket whose reads and writes end at the deadline of the thread."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._timeout_s: float | None = socket.gettimeout()

    def settimeout(self, timeout_s: float | None) -> None:
        """Set the timeout that applies where the thread has no deadline; 0 never waits in either case."""
        self._timeout_s = timeout_s

    def recv_into(self, *arguments: Any) -> int:
        """Receive bytes."""
        self._limit()
        return int(self._socket.recv_into(*arguments))

    def recv(self, *arguments: Any) -> bytes:
        """Receive bytes."""
        self._limit()
        return bytes(self._socket.recv(*arguments))

    def sendall(self, *arguments: Any) -> None:
        """Send all bytes."""
        self._limit()
        self._socket.sendall(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def _limit(self) -> None:
        self._socket.settimeout(0 if self._timeout_s == 0 else _remaining_s(self._timeout_s))


class _WithDeadline:
    """A mixin for redis-py's connection classes: connecting, and the socket, respect the thread's deadline."""

    socket_connect_timeout: float | None
    socket_timeout: float | None

    def _connect(self) -> DeadlineSocket:
        """Return a connected socket. redis-py calls this for each new connection."""
        usual = self.socket_connect_timeout, self.socket_timeout
        # redis-py applies the first to connecting and the second to the TLS handshake.
        self.socket_connect_timeout, self.socket_timeout = map(_remaining_s, usual)
        try:
            return DeadlineSocket(super()._connect())  # type: ignore[misc]
        finally:
            self.socket_connect_timeout, self.socket_timeout = usual


class _TcpConnection(_WithDeadline, Connection):
    pass


class _TlsConnection(_WithDeadline, SSLConnection):
    pass


class _UnixConnection(_WithDeadline, UnixDomainSocketConnection):
    pass


class _OfNode(_WithDeadline):
    """A mixin for connections to nodes of a cluster, on which redis-py does not wait for the cluster to recover."""

    def read_response(self, *arguments: Any, **keywords: Any) -> Any:
        """Return the next response. redis-py would sleep after the errors that are converted here."""
        try:
            return super().read_response(*arguments, **keywords)  # type: ignore[misc]
        except (ClusterDownError, TryAgainError) as error:
            raise RedisConnectionError(str(error)) from error


class _TcpNodeConnection(_OfNode, Connection):
    pass


class _TlsNodeConnection(_OfNode, SSLConnection):
    pass


class _TcpManagedConnection(_WithDeadline, SentinelManagedConnection):
    pass


class _TlsManagedConnection(_WithDeadline, SentinelManagedSSLConnection):
    pass


def cluster_connection_class(url: str) -> type[Connection]:
    """Return the class of connections to nodes of a cluster, one of which is at this URL."""
    return _TlsNodeConnection if urlsplit(url).scheme == "rediss" else _TcpNodeConnection


def sentinel_connection_class(url: str) -> type[Connection]:
    """Return the class of connections to the primary that Sentinels name, one of which is at this URL."""
    return _TlsManagedConnection if urlsplit(url).scheme == "rediss" else _TcpManagedConnection


def connection_class(url: str) -> type[Connection] | type[SSLConnection] | type[UnixDomainSocketConnection]:
    """Return the class of connections to a Redis at this URL."""
    classes = {"rediss": _TlsConnection, "unix": _UnixConnection}
    return classes.get(urlsplit(url).scheme, _TcpConnection)
