"""Ports for servers that die and come back: nobody else gets one meanwhile.

A port that is merely free now is given to the next socket that asks for any, and that may be the server of another
test: its callers then hear answers from another world.
"""

from __future__ import annotations

import random
import socket

from devstack.ports import LOOPBACK, is_free

_FIRST, _LAST = 20_000, 32_000
"""Below the ports that systems give to sockets that ask for any."""


class ReservedPort:
    """A TCP port that is ours until it is closed."""

    def __init__(self) -> None:
        # Whoever takes a port like this also binds its number for UDP, where nobody listens for anything.
        self._held = socket.socket(type=socket.SOCK_DGRAM)
        self.number = self._take()

    def _take(self) -> int:
        while True:
            number = random.randint(_FIRST, _LAST)
            try:
                self._held.bind((LOOPBACK, number))
            except OSError:
                continue
            if is_free(number):
                return number
            self._held.close()
            self._held = socket.socket(type=socket.SOCK_DGRAM)

    def close(self) -> None:
        """Let others have the port."""
        self._held.close()
