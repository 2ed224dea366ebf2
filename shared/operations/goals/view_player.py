"""Read of a player."""

from __future__ import annotations

from collections.abc import Callable

from shared.domain.current_periods import NO_PERIODS, CurrentPeriods
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.progress import PlayerView
from shared.postgres.database import Database
from shared.postgres.execution import Values
from shared.postgres.goals import players
from shared.postgres.goals.player_zones import read_zones


def view_player(database: Database, user_id: str, deadline: float, current: CurrentPeriods = NO_PERIODS) -> PlayerView:
    """Return everything that the status of the player's goals depends on, in one round trip. Empty for a new player.

    `current` are the periods that goals with a schedule are shown in.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    return database.autocommit(lambda connection: players.read(connection, user_id, current), deadline).view


def view_player_unless(
    database: Database, user_id: str, deadline: float, current: CurrentPeriods, is_known: Callable[[Values], bool]
) -> PlayerView | None:
    """Return the same as `view_player`, or None if the values that the view is made from are known.

    Whoever remembers what follows from a view remembers it by these values; `can_be_known` tells where that works.
    """
    stored = database.autocommit(
        lambda connection: players.read_unless(connection, user_id, current, is_known), deadline
    )
    return None if stored is None else stored.view


def can_be_known(current: CurrentPeriods) -> bool:
    """Return whether the values that are read of a player, its id and these periods decide its view.

    They do not where streaks are read, and where the periods of players differ, they are new objects for every call.
    """
    return not current.watched_days and current.of_zones is None


def player_zones(database: Database, user_id: str, deadline: float) -> Zones:
    """Return the time zones that the player has named.

    Raise `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    zones = database.autocommit(lambda connection: read_zones(connection, [user_id]), deadline)
    return zones.get(user_id, NO_ZONES)
