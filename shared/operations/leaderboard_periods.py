"""The periods of leaderboards: opened ahead."""

from __future__ import annotations

from shared.domain.catalogue import Catalogue
from shared.domain.instant import Instant
from shared.domain.periods import periods_from
from shared.postgres import leaderboards
from shared.postgres.connection import Connection
from shared.postgres.leaderboards import BoardPeriod


def open_periods(connection: Connection, catalogue: Catalogue, first: Instant, now: Instant) -> int:
    """Open the periods of all boards from the one that `first` lies in to the one after the current one.

    Answers how many were not open before. Scores of a period without a row are on no board.
    """
    if not catalogue.boards:
        return 0
    periods = [
        BoardPeriod(board.id, period.start, period.end)
        for board in catalogue.boards
        for period in periods_from(board.schedule, first, now)
    ]
    return leaderboards.open_periods(connection, periods)
