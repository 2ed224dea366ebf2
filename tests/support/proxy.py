"""A TCP proxy that can make the network to a server fail."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from tests.support.reserved_port import ReservedPort

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 65_536
ACCEPT_POLL_S = 0.02

Rule = Callable[[bytes], bool]
"""A predicate on one received chunk of bytes."""


class TcpProxy:
    """A proxy that forwards connections to `port` to a target server.

    Changes also affect open connections. Thread-safe.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        """Listen on a loopback port of its own."""
        self._target = (target_host, target_port)
        self._state = threading.Condition()
        self._connections: set[_Connection] = set()
        self._frozen = False
        self._delay_s = 0.0
        self._trickle_s = 0.0
        self._lost_reply: tuple[Rule, Rule] | None = None
        self._refusing = False
        self._closed = False
        self.dropped = 0
        """Number of dropped replies."""
        self.received = 0
        """Number of chunks received from clients, forwarded or not."""
        # While it refuses, nothing listens there.
        self._reserved = ReservedPort()
        self.port = self._reserved.number
        """The port to connect to, on the loopback interface."""
        self._listener = _listener(self.port)
        self._acceptor = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._acceptor.start()

    def freeze(self) -> None:
        """Receive everything and forward nothing, like a server that hangs."""
        with self._state:
            self._frozen = True

    def thaw(self) -> None:
        """Resume forwarding, beginning with what has been received meanwhile."""
        with self._state:
            self._frozen = False
            self._state.notify_all()

    def cut(self) -> None:
        """Close all current connections; new ones are accepted."""
        with self._state:
            for connection in self._connections:
                connection.cut()
            self._state.notify_all()

    def refuse(self, refusing: bool) -> None:
        """Refuse new connections, as if no server listened; current ones continue."""
        with self._state:
            if refusing and not self._refusing:
                # Closing alone takes effect only when the accepting thread returns from its call.
                self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
            elif self._refusing and not refusing:
                self._listener = _listener(self.port)
            self._refusing = refusing
            self._state.notify_all()

    def delay(self, seconds: float) -> None:
        """Delay each chunk in both directions."""
        with self._state:
            self._delay_s = seconds

    def trickle(self, seconds: float) -> None:
        """Forward replies byte by byte with this pause after each; 0: at once again."""
        with self._state:
            self._trickle_s = seconds

    def drop_reply(self, after: Rule, reply: Rule = bool) -> None:
        """Drop one reply.

        Once `after` is true of a chunk from a client, that chunk still reaches the server. The server's reply is
        dropped up to the chunk for which `reply` is true (by default the first), and the connection is closed.

        Applies to one reply; `dropped` counts them.
        """
        with self._state:
            self._lost_reply = (after, reply)

    def close(self) -> None:
        """Close all connections and stop listening."""
        with self._state:
            self._closed = True
            self._state.notify_all()
        self._acceptor.join()
        self._listener.close()
        self.cut()
        with self._state:
            self._state.wait_for(lambda: not self._connections)
        self._reserved.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._closed or not self._refusing)
                if self._closed:
                    return
                listener = self._listener
            try:
                client, _ = listener.accept()
            except OSError:
                # No connection within the poll interval, or the listener was closed.
                continue
            threading.Thread(target=self._serve, args=(client,), name="proxy", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            client.settimeout(None)
            with suppress(OSError), socket.create_connection(self._target) as server:
                connection = _Connection(client, server)
                with self._state:
                    if self._closed:
                        return
                    self._connections.add(connection)
                replies = threading.Thread(target=self._forward_replies, args=(connection,), name="proxy", daemon=True)
                replies.start()
                try:
                    self._forward_requests(connection)
                finally:
                    connection.cut()
                    replies.join()
                    with self._state:
                        self._connections.remove(connection)
                        self._state.notify_all()

    def _forward_requests(self, connection: _Connection) -> None:
        while chunk := connection.receive(connection.client):
            with self._state:
                self.received += 1
            self._hold_back(connection)
            with self._state:
                if self._lost_reply is not None and self._lost_reply[0](chunk):
                    connection.swallow_until = self._lost_reply[1]
                    self._lost_reply = None
            connection.send(connection.server, chunk)

    def _forward_replies(self, connection: _Connection) -> None:
        try:
            while chunk := connection.receive(connection.server):
                self._hold_back(connection)
                if connection.swallow_until is None:
                    self._send_reply(connection, chunk)
                elif connection.swallow_until(chunk):
                    with self._state:
                        self.dropped += 1
                    return
        finally:
            connection.cut()

    def _send_reply(self, connection: _Connection, chunk: bytes) -> None:
        while chunk and not connection.ended:
            with self._state:
                trickle_s = self._trickle_s
            if not trickle_s:
                connection.send(connection.client, chunk)
                return
            connection.send(connection.client, chunk[:1])
            chunk = chunk[1:]
            time.sleep(trickle_s)

    def _hold_back(self, connection: _Connection) -> None:
        with self._state:
            delay_s = self._delay_s
        time.sleep(delay_s)
        with self._state:
            self._state.wait_for(lambda: not self._frozen or connection.ended)


@contextmanager
def proxy_to(url: str) -> Iterator[tuple[TcpProxy, str]]:
    """Start a proxy to the server at `url`; yield it and the URL that leads through it."""
    address = urlsplit(url)
    if address.hostname is None or address.port is None:
        raise ValueError(f"{url} names no host and port")
    with TcpProxy(address.hostname, address.port) as proxy:
        credentials = f"{address.username or ''}:{address.password}"
        yield proxy, urlunsplit(address._replace(netloc=f"{credentials}@{LOOPBACK}:{proxy.port}"))


class _Connection:
    """The two sockets of one forwarded connection; the thread that created it closes them."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.swallow_until: Rule | None = None
        self.ended = False

    def receive(self, source: socket.socket) -> bytes:
        """Return the next bytes; empty at the end."""
        try:
            return b"" if self.ended else source.recv(CHUNK_BYTES)
        except OSError:
            return b""

    def send(self, target: socket.socket, chunk: bytes) -> None:
        """Forward bytes, unless the connection was cut meanwhile."""
        if not self.ended:
            with suppress(OSError):
                target.sendall(chunk)

    def cut(self) -> None:
        """Shut down both sockets, which wakes up threads that wait for bytes."""
        self.ended = True
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    # Closed connections linger on the port when it is reused.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen(128)
    listener.settimeout(ACCEPT_POLL_S)
    return listener
