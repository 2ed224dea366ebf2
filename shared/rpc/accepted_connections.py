"""Ending a connection, which gRPC's server has no interface for."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import stat
import struct
from contextlib import suppress
from urllib.parse import unquote

log = logging.getLogger(__name__)

_DESCRIPTORS = "/dev/fd"
_DISCARD = struct.pack("ii", 1, 0)


class AcceptedConnections:
    """The connections that a server has accepted on its port."""

    def __init__(self) -> None:
        self.port = 0
        """The server's port; no connection is found while it is 0."""

    def end(self, peer: str) -> bool:
        """Shut down the connection of a call, given its peer as gRPC names it; return whether it was found.

        gRPC then fails all of its calls, and frees everything that was held for them.
        """
        address = _address_of(peer)
        if address is None or not self.port:
            return False
        for name in os.listdir(_DESCRIPTORS):
            # A descriptor may be closed and used again at any time: its copy stays what it is.
            with suppress(OSError):
                copy = os.dup(int(name))
                try:
                    if stat.S_ISSOCK(os.fstat(copy).st_mode) and self._end_if(copy, address):
                        log.warning("ended a connection that is not read", extra={"peer": peer})
                        return True
                finally:
                    os.close(copy)
        return False

    def _end_if(self, descriptor: int, address: tuple[str, int]) -> bool:
        accepted = socket.socket(fileno=descriptor)
        try:
            if _plain(accepted.getpeername()) != address or _plain(accepted.getsockname())[1] != self.port:
                return False
            # gRPC closes what is shut down, and closing then discards what the caller does not read.
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD)
            accepted.shutdown(socket.SHUT_RDWR)
            return True
        finally:
            accepted.detach()


def _address_of(peer: str) -> tuple[str, int] | None:
    """Return the address and port in a peer such as `ipv4:127.0.0.1:50000` or `ipv6:%5B::1%5D:50000`."""
    family, _, rest = unquote(peer).partition(":")
    host, _, port = rest.rpartition(":")
    if family not in ("ipv4", "ipv6") or not port.isdecimal():
        return None
    return _plain((host.strip("[]"), int(port)))


def _plain(address: object) -> tuple[str, int]:
    """Return an address in one form, whatever the family of its socket; raise `OSError` if it has no port."""
    if not isinstance(address, tuple):
        raise OSError("not a network address")
    host, port = address[:2]
    ip = ipaddress.ip_address(host.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return str(mapped or ip), port
