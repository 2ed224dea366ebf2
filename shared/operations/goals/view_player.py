"""Reading a player."""

from __future__ import annotations

from shared.domain.progress import PlayerView
from shared.postgres.database import Database
from shared.postgres.goals import players


def view_player(database: Database, user_id: str, deadline: float) -> PlayerView:
    """Everything that the player's goals are judged by, in one round trip. Empty for a player who never did anything.

    Raises `DatabaseUnavailable`, `DeadlineExceeded` or `Overloaded`.
    """
    return database.autocommit(lambda connection: players.read(connection, user_id), deadline).view
