"""The development clock: calls may carry the instant that is the present for them.

It makes days pass at will, for whoever develops a game. Everybody who can call the service can then set the time, so it
is refused beyond the loopback interface. Only rules see the carried instant. Queues, duties and the comparison with the
clock of the database keep the real time.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from shared.domain.clock_comparison import Now
from shared.domain.instant import Instant
from shared.runtime.clock import Clock
from shared.runtime.ports import listening_host
from shared.runtime.settings import variable_name
from shared.runtime.settings_groups import DevelopmentSettings, ProcessSettings
from shared.runtime.start_refused import SettingsInvalid


class DevelopmentClock:
    """The instants that calls carry. In a process without it, no call is delayed by asking for one."""

    def __init__(self) -> None:
        self._carried: ContextVar[Instant | None] = ContextVar("carried instant", default=None)
        self._before_calls: list[Callable[[Instant], None]] = []

    def before_calls(self, prepare: Callable[[Instant], None]) -> None:
        """Run `prepare` with the instant of each call that carries one, before the call."""
        self._before_calls.append(prepare)

    @contextmanager
    def carrying(self, instant: Instant) -> Iterator[None]:
        """Make this the present of the call that runs in the block."""
        for prepare in self._before_calls:
            prepare(instant)
        self._carried.set(instant)
        try:
            yield
        finally:
            self._carried.set(None)

    def over(self, clock: Clock) -> Clock:
        """Return a clock that shows the instant that the call carries; otherwise what `clock` shows."""

        def present() -> Instant:
            carried = self._carried.get()
            return clock() if carried is None else carried

        return present

    def over_both(self, now: Callable[[], Now]) -> Callable[[], Now]:
        """Return the same for the present by both clocks: of a carried instant there is no doubt."""

        def present() -> Now:
            carried = self._carried.get()
            return now() if carried is None else Now.at(carried)

        return present


def require_loopback(settings: object) -> None:
    """Raise `SettingsInvalid` if settings turn the development clock on beyond the loopback interface."""
    development, process = getattr(settings, "development", None), getattr(settings, "process", None)
    if not isinstance(development, DevelopmentSettings) or not isinstance(process, ProcessSettings):
        return
    if development.clock and not is_loopback(process.bind_address):
        clock, address = (variable_name(type(settings), path) for path in ("development.clock", "process.bind_address"))
        raise SettingsInvalid(
            [
                f"{clock} is true, so every caller can set the time, and {address} is {process.bind_address!r}: "
                "it must be a loopback address such as 127.0.0.1"
            ]
        )


def is_loopback(address: str) -> bool:
    """Return whether nothing but this machine can connect to what listens on this address."""
    try:
        places = socket.getaddrinfo(listening_host(address), None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    # An IPv6 address of a link ends in its zone.
    addresses = [ipaddress.ip_address(str(where[0]).partition("%")[0]) for *_, where in places]
    return bool(addresses) and all(found.is_loopback for found in addresses)
