"""Checks that a player id typed by an operator belongs to a known player."""

from __future__ import annotations

from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import players
from shared.postgres.statistics import player_statistics


class PlayerUnknown(Exception):
    """Nothing is stored of the player, so the id is probably mistyped."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"nothing is stored of the player {user_id}")


def require_known_player(connection: Connection, user_id: str) -> None:
    """Raise `PlayerUnknown` if nothing is stored of the player, and what the database raises."""
    player = players.read(connection, user_id)
    if (
        player.zone_names is None
        and not any(player.view)
        and not player_statistics.read(connection, user_id, 0, 0).standings
    ):
        raise PlayerUnknown(user_id)


def check_known_player(database: Database, user_id: str, deadline: float) -> None:
    """Run `require_known_player` on a connection of its own."""
    database.autocommit(lambda connection: require_known_player(connection, user_id), deadline)
