"""Reads of scores from the database, for storing them in Redis."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from shared.domain.catalogue import Catalogue
from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard
from shared.domain.scores import LeaderboardScore, Score
from shared.postgres.database import Database
from shared.postgres.leaderboards import scores

PAGE_ROWS = 20_000
"""Tallies or standings read at once: some thousands of players, in some tens of milliseconds."""
PAGE_TIMEOUT_S = 10.0


def scores_of(
    database: Database, catalogue: Catalogue, user_ids: Sequence[str], deadline: float
) -> Iterable[LeaderboardScore]:
    """Return the current scores of these players on the catalogue's leaderboards."""
    found = database.autocommit(lambda connection: scores.of_players(connection, user_ids), deadline)
    boards = catalogue.leaderboard_by_id
    return [
        LeaderboardScore(boards[ranking.board_id], ranking.period_start, score)
        for ranking, score in found
        if ranking.board_id in boards
    ]


def score_pages(
    database: Database, board: Leaderboard, period_start: Instant, after: str | None = "", rows: int = PAGE_ROWS
) -> Iterator[list[Score]]:
    """Yield the scores of a ranking in pages of up to `rows` rows read, by player id in byte order, after `after`.

    A page may be empty. Each page is read when it is asked for, so later pages include later changes.
    """
    while after is not None:
        page, after = database.autocommit(
            lambda connection, start=after: scores.of_ranking(connection, board, period_start, start, rows),  # type: ignore[misc]
            time.monotonic() + PAGE_TIMEOUT_S,
        )
        yield page
