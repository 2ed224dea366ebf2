"""Reading scores from the database, for Redis to have them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from shared.domain.catalogue import Catalogue, Leaderboard
from shared.domain.instant import Instant
from shared.domain.scores import LeaderboardScore, Score
from shared.postgres.database import Database
from shared.postgres.leaderboards import scores

PORTION = 20_000
"""Rows of tallies or standings that are read at once: some thousands of players, in some tens of milliseconds."""
PORTION_S = 10.0


def scores_of(
    database: Database, catalogue: Catalogue, user_ids: Sequence[str], deadline: float
) -> Iterable[LeaderboardScore]:
    """The scores of these players on the catalogue's boards, as they are stored now."""
    found = database.autocommit(lambda connection: scores.of_players(connection, user_ids), deadline)
    boards = catalogue.leaderboard_by_id
    return [
        LeaderboardScore(boards[ranking.board_id], ranking.period_start, score)
        for ranking, score in found
        if ranking.board_id in boards
    ]


def portions(
    database: Database, board: Leaderboard, period_start: Instant, after: str | None = "", rows: int = PORTION
) -> Iterator[list[Score]]:
    """All scores of a ranking by portions of so many rows read, from those who come after a player on, byte by byte.

    A portion may be empty. Each is read when it is asked for, so later ones know of later changes.
    """
    while after is not None:
        portion, after = database.autocommit(
            lambda connection, start=after: scores.of_ranking(connection, board, period_start, start, rows),  # type: ignore[misc]
            time.monotonic() + PORTION_S,
        )
        yield portion
