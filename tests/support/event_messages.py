"""Event messages as a game sends them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from challenge.v1.event_service_pb2 import Event, LoggedIn, StatUpdated
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.instant import SECOND, Instant
from tests.support.services import NOW


def login(user_id: str = "player", *, event_id: str | None = None, at: Instant = NOW) -> Event:
    """Return a login event, by default with a new id."""
    return Event(event_id=_given_or_new(event_id), user_id=user_id, event_time=timestamp(at), logged_in=LoggedIn())


def stat(
    stat_code: str,
    user_id: str = "player",
    *,
    delta: int | None = None,
    value: int | None = None,
    event_id: str | None = None,
    at: Instant = NOW,
    attributes: Mapping[str, str] | None = None,
) -> Event:
    """Return an event that updates a stat, by default with a new id."""
    return Event(
        event_id=_given_or_new(event_id),
        user_id=user_id,
        event_time=timestamp(at),
        stat_updated=StatUpdated(stat_code=stat_code, delta=delta, value=value),
        attributes=attributes,
    )


def amount_event(field: str, amount: int) -> Event:
    """Return an update of the stat `wins` with this amount as `delta` or `value`."""
    event = stat("wins")
    setattr(event.stat_updated, field, amount)
    return event


def timestamp(instant: Instant) -> Timestamp:
    """Return the instant as a message."""
    seconds, microseconds = divmod(instant, SECOND)
    return Timestamp(seconds=seconds, nanos=microseconds * 1_000)


def _given_or_new(event_id: str | None) -> str:
    return uuid.uuid4().hex if event_id is None else event_id
