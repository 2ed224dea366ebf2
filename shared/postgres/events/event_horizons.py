"""Horizons in force: the accepted ages of events in the settings of the event handlers that run, in the database."""

from __future__ import annotations

from shared.domain.instant import Instant, Microseconds
from shared.postgres.connection import Connection
from shared.postgres.statements import statement

_RENEW = statement("renew_event_horizon")
_IN_FORCE = statement("event_horizon_in_force")


def renew(connection: Connection, horizon: Microseconds) -> None:
    """Record that a handler with this horizon runs."""
    _RENEW.rows(connection, horizon)


def in_force(connection: Connection, process_time: Instant) -> Microseconds:
    """Return the greatest horizon of the handlers that run. One that was not renewed for a day does not count."""
    return int(_IN_FORCE.value(connection, process_time))
