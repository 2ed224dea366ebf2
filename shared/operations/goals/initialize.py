"""Initialization of a player: one row for a new player, nothing for a known one."""

from __future__ import annotations

from typing import NamedTuple

from shared.domain.current_periods import NO_PERIODS, CurrentPeriods
from shared.domain.instant import Instant, Microseconds
from shared.domain.player_zones import (
    NO_ZONES,
    SINCE_EVER,
    ZONE_CHANGE_INTERVAL,
    NamedZone,
    ZoneRefused,
    with_zone,
)
from shared.domain.progress import PlayerView
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import player_zones, players


class Initialized(NamedTuple):
    """A stored player."""

    view: PlayerView
    created: bool
    """True if this call stored the player."""
    zone_refused: ZoneRefused | None = None
    """Set if the player named another time zone too soon, so that the stored one was kept."""


def initialize_player(
    database: Database,
    user_id: str,
    time_zone: str | None,
    now: Instant,
    deadline: float,
    current: CurrentPeriods = NO_PERIODS,
    zone_change_interval: Microseconds = ZONE_CHANGE_INTERVAL,
) -> Initialized:
    """Store the player if missing, and the time zone that the player names; keep the stored one if it is None.

    `current` are the periods that goals with a schedule are shown in. The zone of a new player holds for all periods,
    unless events were counted by the days of the default zone before. Another zone holds from one of the next periods
    on, and may be named `zone_change_interval` after the last.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    stored = database.autocommit(lambda connection: players.read(connection, user_id, current), deadline)
    if stored.zone_names is None:
        zones = NO_ZONES if time_zone is None else (NamedZone(SINCE_EVER, time_zone),)
        by_zone = bool(zones and current.by_player)

        def insert(connection: Connection) -> bool:
            if by_zone:
                player_zones.await_first_events(connection, user_id)
            return players.insert(connection, user_id, zones, now, current.by_player)

        created = database.transact(insert, deadline) if by_zone else database.acknowledge(insert, deadline)
        if created and not by_zone:
            return Initialized(stored.view, created=True)
        if created:
            # Periods depend on the zone, which was not known when the player was read.
            stored = database.autocommit(lambda connection: players.read(connection, user_id, current), deadline)
            return Initialized(stored.view, created=True)
    # This includes a player whom another call has stored in the meantime, and one who has named none but the default.
    if time_zone is None or list(stored.zone_names or ())[-1:] == [time_zone]:
        return Initialized(stored.view, created=False)

    def name_zone(connection: Connection) -> ZoneRefused | None:
        before = player_zones.lock_zones(connection, user_id)
        after = with_zone(before, time_zone, now, zone_change_interval)
        if isinstance(after, ZoneRefused):
            return after
        if after != before:
            player_zones.store_zones(connection, user_id, after)
        return None

    return Initialized(stored.view, created=False, zone_refused=database.transact(name_zone, deadline))
