"""Initialization of a player: one row for a new player, nothing for a known one."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.current_periods import NO_PERIODS, CurrentPeriods
from shared.domain.instant import Instant
from shared.domain.progress import PlayerView
from shared.postgres.database import Database
from shared.postgres.goals import players

DEFAULT_TIME_ZONE = "UTC"


class Initialized(NamedTuple):
    """A stored player."""

    view: PlayerView
    created: bool
    """True if this call stored the player."""


def initialize_player(
    database: Database,
    user_id: str,
    time_zone: str | None,
    now: Instant,
    deadline: float,
    current: CurrentPeriods = NO_PERIODS,
) -> Initialized:
    """Store the player if missing. Replace the time zone if it differs; keep it if `time_zone` is None.

    `current` are the periods that goals with a schedule are shown in.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    stored = database.autocommit(lambda connection: players.read(connection, user_id, current), deadline)
    if stored.time_zone is None:
        created = database.autocommit(
            lambda connection: players.insert(connection, user_id, time_zone or DEFAULT_TIME_ZONE, now), deadline
        )
        if created:
            return Initialized(stored.view, created=True)
    # This includes a player whom another call has stored in the meantime.
    if time_zone is not None and time_zone != stored.time_zone:
        database.autocommit(lambda connection: players.update_time_zone(connection, user_id, time_zone), deadline)
    return Initialized(stored.view, created=False)
