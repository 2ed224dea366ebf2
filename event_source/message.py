"""Messages of a broker, independent of the kind of broker."""

from __future__ import annotations

from typing import Any, NamedTuple

from shared.domain.instant import Instant


class Message(NamedTuple):
    """A message that was received and is not settled yet."""

    payload: bytes
    position: str
    """The place of the message at its broker, the same for every redelivery: `topic:partition:offset` or
    `stream:sequence`. It is the event's id if the payload has none, so it is at most 64 characters long."""
    time: Instant | None
    """The broker's timestamp; None if it has none. A redelivered message has the same."""
    origin: Any
    """The broker's own data, by which it settles the message."""


class Unmappable(Exception):
    """The message cannot become an event; the text says why, and becomes the reason of its dead letter."""
