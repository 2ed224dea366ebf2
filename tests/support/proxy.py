"""A proxy on the way to a server, where the network can be made to fail."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit, urlunsplit

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 65_536
ACCEPT_POLL_S = 0.02

Rule = Callable[[bytes], bool]
"""Judges one chunk of bytes, as it arrived."""


class TcpProxy:
    """Passes on whatever arrives at `port` to a target server, and the answers back.

    What is changed while connections are open holds for them too. Safe to use from any thread.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        """Listen on a free loopback port."""
        self._target = (target_host, target_port)
        self._state = threading.Condition()
        self._connections: set[_Connection] = set()
        self._frozen = False
        self._delay_s = 0.0
        self._lost_reply: tuple[Rule, Rule] | None = None
        self._refusing = False
        self._closed = False
        self.dropped = 0
        """How many replies were dropped."""
        self._listener = _listener(0)
        self.port: int = self._listener.getsockname()[1]
        """Where to connect, on the loopback interface."""
        self._acceptor = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._acceptor.start()

    def freeze(self) -> None:
        """Take everything and pass on nothing, as a server does that hangs."""
        with self._state:
            self._frozen = True

    def thaw(self) -> None:
        """Pass on again, what has arrived meanwhile first."""
        with self._state:
            self._frozen = False
            self._state.notify_all()

    def cut(self) -> None:
        """End all current connections. New ones are taken."""
        with self._state:
            for connection in self._connections:
                connection.cut()
            self._state.notify_all()

    def refuse(self, refusing: bool) -> None:
        """Refuse new connections, as if no server listened; current ones go on."""
        with self._state:
            if refusing and not self._refusing:
                # Closing alone takes effect only when the thread that accepts looks up from it.
                self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
            elif self._refusing and not refusing:
                self._listener = _listener(self.port)
            self._refusing = refusing
            self._state.notify_all()

    def delay(self, seconds: float) -> None:
        """Hold each chunk back for so long, in both directions."""
        with self._state:
            self._delay_s = seconds

    def drop_reply(self, after: Rule, reply: Rule = bool) -> None:
        """Lose one reply. Once `after` is true of a chunk from a client, that chunk still reaches the server; what the
        server then answers is swallowed up to the chunk that `reply` is true of (by default the first), and the
        connection ends.

        Holds for one reply; `dropped` counts them.
        """
        with self._state:
            self._lost_reply = (after, reply)

    def close(self) -> None:
        """End all connections and stop listening."""
        with self._state:
            self._closed = True
            self._state.notify_all()
        self._acceptor.join()
        self._listener.close()
        self.cut()
        with self._state:
            self._state.wait_for(lambda: not self._connections)

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
                # Nobody came within the poll interval, or the listener was closed.
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
                answers = threading.Thread(target=self._pass_answers, args=(connection,), name="proxy", daemon=True)
                answers.start()
                try:
                    self._pass_requests(connection)
                finally:
                    connection.cut()
                    answers.join()
                    with self._state:
                        self._connections.remove(connection)
                        self._state.notify_all()

    def _pass_requests(self, connection: _Connection) -> None:
        while chunk := connection.receive(connection.client):
            self._hold_back(connection)
            with self._state:
                if self._lost_reply is not None and self._lost_reply[0](chunk):
                    connection.swallow_until = self._lost_reply[1]
                    self._lost_reply = None
            connection.send(connection.server, chunk)

    def _pass_answers(self, connection: _Connection) -> None:
        try:
            while chunk := connection.receive(connection.server):
                self._hold_back(connection)
                if connection.swallow_until is None:
                    connection.send(connection.client, chunk)
                elif connection.swallow_until(chunk):
                    with self._state:
                        self.dropped += 1
                    return
        finally:
            connection.cut()

    def _hold_back(self, connection: _Connection) -> None:
        with self._state:
            delay_s = self._delay_s
        time.sleep(delay_s)
        with self._state:
            self._state.wait_for(lambda: not self._frozen or connection.ended)


@contextmanager
def proxy_to(url: str) -> Iterator[tuple[TcpProxy, str]]:
    """A proxy to the server at `url`, and the URL that leads through it."""
    address = urlsplit(url)
    if address.hostname is None or address.port is None:
        raise ValueError(f"{url} names no host and port")
    with TcpProxy(address.hostname, address.port) as proxy:
        credentials = f"{address.username or ''}:{address.password}"
        yield proxy, urlunsplit(address._replace(netloc=f"{credentials}@{LOOPBACK}:{proxy.port}"))


class _Connection:
    """The two halves of one connection; the thread that made it closes the sockets."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.swallow_until: Rule | None = None
        self.ended = False

    def receive(self, source: socket.socket) -> bytes:
        """The next bytes; none at the end."""
        try:
            return b"" if self.ended else source.recv(CHUNK_BYTES)
        except OSError:
            return b""

    def send(self, target: socket.socket, chunk: bytes) -> None:
        """Pass bytes on, unless the connection was cut meanwhile."""
        if not self.ended:
            with suppress(OSError):
                target.sendall(chunk)

    def cut(self) -> None:
        """End both halves: whoever waits for bytes wakes up."""
        self.ended = True
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    # Connections that were cut linger on the same port when it is listened on again.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen(128)
    listener.settimeout(ACCEPT_POLL_S)
    return listener
