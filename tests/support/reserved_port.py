"""Ports reserved for servers that start later than their port is known, or that are stopped and restarted.

A port that is merely free now may be given to the server of another test, whose callers would then reach the wrong
server.
"""

from __future__ import annotations

import random
import socket

from devstack.ports import LOOPBACK, is_free

_FIRST, _LAST = 20_000, 32_000
"""Below the range of ephemeral ports."""


class ReservedPort:
    """A TCP port reserved until it is closed."""

    def __init__(self) -> None:
        # The reservation is the UDP port of the same number, which only this class binds.
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
        """Release the port."""
        self._held.close()


_lasting: list[ReservedPort] = []


def lasting_port() -> int:
    """Return a loopback port that no other server gets until this process ends."""
    _lasting.append(ReservedPort())
    return _lasting[-1].number


def release_lasting_ports() -> None:
    """Release what `lasting_port` has returned, at the end of the process."""
    while _lasting:
        _lasting.pop().close()
