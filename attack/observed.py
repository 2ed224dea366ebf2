"""Observations of an attack."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from challenge.v1 import event_service_pb2 as event_rpc

from attack.stack import Services


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
