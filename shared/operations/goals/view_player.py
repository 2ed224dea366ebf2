"""Read of a player."""

from __future__ import annotations

from shared.domain.current_periods import NO_PERIODS, CurrentPeriods
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.progress import PlayerView
from shared.postgres.database import Database
from shared.postgres.goals import players
from shared.postgres.goals.player_zones import read_zones


def view_player(database: Database, user_id: str, deadline: float, current: CurrentPeriods = NO_PERIODS) -> PlayerView:
    """Return everything that the status of the player's goals depends on, in one round trip. Empty for a new player.

    `current` are the periods that goals with a schedule are shown in.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    return database.autocommit(lambda connection: players.read(connection, user_id, current), deadline).view


def player_zones(database: Database, user_id: str, deadline: float) -> Zones:
    """Return the time zones that the player has named.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    zones = database.autocommit(lambda connection: read_zones(connection, [user_id]), deadline)
    return zones.get(user_id, NO_ZONES)
