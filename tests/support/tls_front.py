"""A port that speaks TLS and passes it on as plaintext, for servers without TLS."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from devstack.ports import LOOPBACK

CHUNK_BYTES = 16 * 1024
HANDSHAKE_S = 5.0
"""Limit in seconds of a handshake."""


class _Front:
    """Threads for each connection, all of which end with the front."""

    def __init__(self, target: int, context: ssl.SSLContext) -> None:
        self._target = target
        self._context = context
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listening.getsockname()[1])
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep(self, opened: socket.socket) -> bool:
        """Close a socket with the front; return False, and close it at once, if that was closed."""
        with self._lock:
            if not self._closed:
                self._open.append(opened)
                return True
        opened.close()
        return False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listening.accept()
                if self._keep(accepted):
                    self._start(self._serve, accepted)

    def _serve(self, accepted: socket.socket) -> None:
        accepted.settimeout(HANDSHAKE_S)
        try:
            near = self._context.wrap_socket(accepted, server_side=True)
            near.settimeout(None)
        except OSError:
            accepted.close()
            return
        far = socket.create_connection((LOOPBACK, self._target))
        if self._keep(near) and self._keep(far):
            _pass_on(near, far)
            for end in (near, far):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End all connections, and wait for the threads."""
        with self._lock:
            self._closed = True
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for opened in self._open:
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for opened in self._open:
            opened.close()


def _pass_on(near: ssl.SSLSocket, far: socket.socket) -> None:
    """Pass on what comes from either side until one ends. One thread does it, because TLS is not safe in two."""
    other: dict[socket.socket, socket.socket] = {near: far, far: near}
    with suppress(OSError, ValueError):
        while True:
            for source in [near] if near.pending() else select.select(list(other), [], [])[0]:
                chunk = source.recv(CHUNK_BYTES)
                if not chunk:
                    return
                other[source].sendall(chunk)


@contextmanager
def tls_front(target: int, context: ssl.SSLContext) -> Iterator[int]:
    """Yield a loopback port that takes TLS for the port `target`."""
    front = _Front(target, context)
    try:
        yield front.port
    finally:
        front.close()
