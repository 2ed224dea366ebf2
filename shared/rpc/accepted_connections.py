"""Ending a connection, which gRPC's server has no interface for."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TypeVar
from urllib.parse import unquote

log = logging.getLogger(__name__)

DESCRIPTORS = "/dev/fd"
_DISCARD = struct.pack("ii", 1, 0)
_LAST_RECEIVED_AT = 52
"""Place of the time since the last data arrived, in Linux' structure for TCP_INFO."""

_T = TypeVar("_T")


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
        for name in os.listdir(DESCRIPTORS):
            # A descriptor may be closed and used again at any time: its copy stays what it is.
            with suppress(OSError):
                copy = os.dup(int(name))
                try:
                    if self._visit(copy, partial(_end_if, address)):
                        log.warning("ended a connection that is not read", extra={"peer": peer})
                        return True
                finally:
                    os.close(copy)
        return False

    def end_silent(self, descriptors: Iterable[int], connections_max: int, further: int, spare: SpareDescriptor) -> int:
        """End the connections that have been silent the longest, if there are more than `connections_max`.

        They are looked for among these descriptors. `further` ones are ended as well, so that the next search is not
        due at once. Return how many were ended. No descriptor is opened: there may be none left.
        """
        found = []
        for descriptor in descriptors:
            with suppress(OSError), spare.copy_of(descriptor) as copy:
                if (seen := self._visit(copy, _silence_and_peer)) is not None:
                    silent_ms, address = seen
                    found.append((-silent_ms, descriptor, address))
        excess = len(found) - connections_max
        ended = 0
        for _, descriptor, address in sorted(found)[: excess + further] if excess > 0 else ():
            with suppress(OSError), spare.copy_of(descriptor) as copy:
                ended += bool(self._visit(copy, partial(_end_if, address)))
        return ended

    def _visit(self, copy: int, visit: Callable[[socket.socket], _T]) -> _T | None:
        """Return the result of a visit to a connection of the server; None if the descriptor is something else."""
        if not stat.S_ISSOCK(os.fstat(copy).st_mode):
            return None
        accepted = socket.socket(fileno=copy)
        try:
            return visit(accepted) if _plain(accepted.getsockname())[1] == self.port else None
        finally:
            accepted.detach()


class SpareDescriptor:
    """A descriptor that is kept for copies of others, where no further one can be opened."""

    def __init__(self) -> None:
        self._null = os.open(os.devnull, os.O_RDONLY)
        self._copy = os.dup(self._null)

    @contextmanager
    def copy_of(self, descriptor: int) -> Iterator[int]:
        """Lend a copy of a descriptor, which stays what it is if the original is closed. Raise `OSError` if it is."""
        if descriptor in (self._null, self._copy):
            raise OSError("a spare descriptor")
        os.dup2(descriptor, self._copy, inheritable=False)
        try:
            yield self._copy
        finally:
            os.dup2(self._null, self._copy, inheritable=False)

    def close(self) -> None:
        """Close it."""
        os.close(self._copy)
        os.close(self._null)


def _end_if(address: tuple[str, int], accepted: socket.socket) -> bool:
    """End a connection if its peer has this address."""
    return _plain(accepted.getpeername()) == address and _end(accepted)


def _silence_and_peer(accepted: socket.socket) -> tuple[int, tuple[str, int]]:
    return _silent_ms(accepted), _plain(accepted.getpeername())


def _end(accepted: socket.socket) -> bool:
    # gRPC closes what is shut down, and closing then discards what the caller does not read.
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD)
    accepted.shutdown(socket.SHUT_RDWR)
    return True


def _silent_ms(accepted: socket.socket) -> int:
    """Return for how many milliseconds nothing has arrived; 0 where the system does not tell."""
    if not hasattr(socket, "TCP_INFO"):
        return 0
    information = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_RECEIVED_AT + 4)
    return int(struct.unpack_from("I", information, _LAST_RECEIVED_AT)[0])


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
    if not isinstance(host, str):
        raise OSError("not an internet address")
    ip = ipaddress.ip_address(host.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return str(mapped or ip), port
