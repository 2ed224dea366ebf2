"""Adjustment of a player's points by an operator."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from shared.domain.catalogue import Catalogue
from shared.domain.standings import EVERYTHING, Standing
from shared.domain.tally import SUM_MAX
from shared.operations.goals.known_player import require_known_player
from shared.operations.statistics.standing_changes import StandingChanges
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.statistics import adjustments, player_statistics
from shared.postgres.statistics.adjustments import NotedAdjustment


class AdjustedPoints(NamedTuple):
    """A player's total points before and after."""

    before: int
    after: int


def adjust_points(
    database: Database,
    catalogue: Catalogue,
    user_id: str,
    adjustment_id: UUID,
    adjustment: NotedAdjustment,
    deadline: float,
    *,
    dry: bool = False,
) -> AdjustedPoints:
    """Add points to a player or subtract them, and record by whom and why, in one transaction and once for each id.

    Goals over points that they complete are claimed by calls or at the next login.
    `adjustment.points` is between `-AMOUNT_MAX` and `AMOUNT_MAX` and not 0. With `dry` nothing is stored, and the
    result is what it would be. Raise `PlayerUnknown`, and what the database raises.
    """

    def work(connection: Connection) -> AdjustedPoints:
        require_known_player(connection, user_id)
        before = _points(connection, user_id)
        if dry:
            return AdjustedPoints(before, max(-SUM_MAX, min(before + adjustment.points, SUM_MAX)))
        adjustments.insert(connection, user_id, adjustment_id, adjustment)
        changes = StandingChanges(catalogue, adjustment.time)
        changes.adjust(connection, user_id, adjustment.points, adjustment.time)
        changes.store(connection)
        return AdjustedPoints(before, _points(connection, user_id))

    return database.transact(
        work,
        deadline,
        written=lambda connection, _, __: dry or adjustments.is_stored(connection, user_id, adjustment_id),
    )


def _points(connection: Connection, user_id: str) -> int:
    """Return the player's points."""
    return player_statistics.read(connection, user_id, 0, 0).standings.get(EVERYTHING, Standing()).points
