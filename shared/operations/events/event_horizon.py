"""The horizon of events: all handlers judge by the greatest one that any of them is set to.

A handler that is set to less would refuse events that another accepts, and drop days of the ledger that another needs.
"""

from __future__ import annotations

from shared.domain.acceptance import AcceptanceWindow
from shared.domain.instant import Instant, Microseconds
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import event_horizons

RENEW_INTERVAL_S = 60.0
"""Interval at which the horizon in force is read. The row of this handler is written once an hour."""
RENEW_TIMEOUT_S = 5.0


class EventHorizon:
    """The window in which this handler accepts events."""

    def __init__(self, settings: AcceptanceWindow) -> None:
        self._settings = settings
        self.window = settings
        """The window in force."""
        self.known = False
        """False until the horizons of other handlers were read."""

    def renew(self, database: Database, now: Instant, deadline: float) -> None:
        """Tell the other handlers of this one's horizon, and adopt the greatest of theirs."""

        def work(connection: Connection) -> Microseconds:
            event_horizons.renew(connection, self._settings.horizon)
            return event_horizons.in_force(connection, now)

        in_force = database.autocommit(work, deadline)
        self.window = self._settings._replace(horizon=max(self._settings.horizon, in_force))
        self.known = True
