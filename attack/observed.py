"""Observations of an attack."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from challenge.v1 import event_service_pb2 as event_rpc

from attack.stack import Services

POLL_S = 0.05


@dataclass
class Observed:
    """Observations of an attack, and the bounds they must keep."""

    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Broken bounds."""

    def bound(self, name: str, value: float, at_most: float) -> None:
        """Note a value, and a fault if it exceeds its bound."""
        self.notes.append(f"{name}: {value:,.1f} (at most {at_most:,.0f})")
        if value > at_most:
            self.faults.append(f"{name} is {value:,.1f}, more than {at_most:,.0f}")


Attack = Callable[[Services, Observed], AbstractContextManager[None]]
"""Attacks services while its block runs, and notes what it observes."""


def login_event() -> event_rpc.Event:
    """Return a login of a new player."""
    event = event_rpc.Event(event_id=str(uuid.uuid4()), user_id=str(uuid.uuid4()), logged_in=event_rpc.LoggedIn())
    event.event_time.GetCurrentTime()
    return event


@contextmanager
def in_threads(*works: Callable[[threading.Event], object]) -> Iterator[None]:
    """Run each work in a thread of its own, until the event that it is given is set, at the end of the block."""
    stopping = threading.Event()
    with ThreadPoolExecutor(len(works)) as pool:
        for work in works:
            pool.submit(work, stopping)
        try:
            yield
        finally:
            stopping.set()


def comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether the condition comes true within some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
