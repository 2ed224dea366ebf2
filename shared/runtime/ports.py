"""The ports that a process listens on, and a plain sentence when it cannot."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass, replace

from shared.runtime.start_refused import PortUnavailable


@dataclass(frozen=True)
class Endpoint:
    """An address to listen on.

    `setting` is the environment variable of the port. With `shared`, several processes listen on it together
    (SO_REUSEPORT); otherwise the port must be free. Port 0 means any free one.
    """

    host: str
    port: int
    setting: str
    shared: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def unavailable(self, error: OSError | None = None) -> PortUnavailable:
        """Return the error that says why nothing can listen on this endpoint, and which setting to change."""
        if error is None or error.errno == errno.EADDRINUSE:
            return PortUnavailable(f"port {self.port} is in use: set {self.setting}")
        if error.errno == errno.EACCES:
            return PortUnavailable(f"port {self.port} may not be opened by this account: set {self.setting}")
        return PortUnavailable(f"cannot listen on {self}: {error.strerror or error}: set BIND_ADDRESS")


def listening_host(text: str) -> str:
    """Return the host of an address as people write it: `*` is every IPv4 address, and IPv6 may stand in brackets."""
    if text == "*":
        return "0.0.0.0"  # noqa: S104 - asked for
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def require_free(endpoint: Endpoint) -> None:
    """Raise `PortUnavailable` if any process has the port, even one that would share it."""
    try:
        # Connections of the previous process may remain in TIME_WAIT; they do not make the port busy.
        _bound(endpoint, socket.SO_REUSEADDR).close()
    except OSError as error:
        raise endpoint.unavailable(error) from None


def listen(endpoint: Endpoint) -> socket.socket:
    """Return a socket that listens on the endpoint. Raise `PortUnavailable` if nothing can listen there."""
    try:
        listener = _bound(endpoint, socket.SO_REUSEADDR)
        listener.listen()
    except OSError as error:
        raise endpoint.unavailable(error) from None
    return listener


def reserve(endpoint: Endpoint) -> tuple[socket.socket, Endpoint]:
    """Reserve a free port for several processes of this account to listen on together.

    Return a bound socket that never listens, and the endpoint with its port, marked as shared. While the socket is open
    no other account can take the port, even when all workers happen to be restarting.
    """
    require_free(endpoint)
    try:
        held = _reservation(endpoint)
    except OSError as error:
        raise endpoint.unavailable(error) from None
    return held, replace(endpoint, port=held.getsockname()[1], shared=True)


def _reservation(endpoint: Endpoint) -> socket.socket:
    """Return a socket that holds the port for workers without listening on it."""
    try:
        # Two sockets that both have SO_REUSEADDR share a port as long as neither listens, so this one does not set it.
        return _bound(endpoint, socket.SO_REUSEPORT)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        # The remaining connections belong to a process that did not share the port: one worker then, several now.
        return _bound(endpoint, socket.SO_REUSEPORT, socket.SO_REUSEADDR)


def _bound(endpoint: Endpoint, *options: int) -> socket.socket:
    """Return a socket with these options, bound to the endpoint."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        for option in options:
            opened.setsockopt(socket.SOL_SOCKET, option, 1)
        opened.bind(address)
    except OSError:
        opened.close()
        raise
    return opened
