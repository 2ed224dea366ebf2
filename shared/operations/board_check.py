"""Comparing rankings in Redis with the scores in the database, by samples."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from shared.cache.boards import BoardCache
from shared.cache.redis import CacheAway, CacheRefused
from shared.domain.catalogue import Board
from shared.domain.errors import CatalogueUnavailable
from shared.domain.scores import RankingKey, Score
from shared.operations.board_sync import SYNC_INTERVAL_S, CatalogueInUse
from shared.postgres import journal, scores
from shared.postgres.database import Database

log = logging.getLogger(__name__)

CHECK_INTERVAL_S = 60.0
SAMPLE = 50
"""Players of each ranking: a difference of a percent of all players is found within minutes."""
SETTLED_S = 3 * SYNC_INTERVAL_S
"""A score that Redis does not have after this was missed by its writer and by the duty that repairs."""
READ_S = 10.0


class Checked(NamedTuple):
    """What a check of one ranking has found."""

    ranking: RankingKey
    compared: int
    differences: int
    """Players who are not in Redis as the database has them, and not since just now."""


class BoardCheck:
    """Samples players of rankings, and has rankings with differences built again."""

    def __init__(
        self,
        database: Database,
        catalogue: CatalogueInUse,
        boards: BoardCache,
        draw: random.Random,
        wait: Callable[[float], object],
    ) -> None:
        """`wait` is given the seconds that scores may take to settle."""
        self._database = database
        self._catalogue = catalogue
        self._boards = boards
        self._draw = draw
        self._wait = wait
        self.compared = 0
        self.differences = 0

    def one_pass(self) -> None:
        """Check every ranking that Redis has."""
        try:
            boards = self._catalogue().board_by_id
            rankings = self._database.autocommit(scores.open_rankings, time.monotonic() + READ_S)
            looked_at = [ranking for ranking in rankings if ranking.board_id in boards]
            self._boards.measure_memory(looked_at)
            for ranking in looked_at:
                self.check(boards[ranking.board_id], ranking)
        except (CacheAway, CacheRefused, CatalogueUnavailable):
            return

    def check(self, board: Board, ranking: RankingKey, sample: int = SAMPLE) -> Checked | None:
        """Compare a sample; None if Redis does not have the ranking. Differences have it built again.

        The sample are the players that follow one who is drawn from Redis, as the database has them, and after the last
        one the first ones: so players who are missing in Redis are found, too.
        """
        size = self._boards.top(board, ranking.period_start, 1, 1)
        if size is None:
            return None
        drawn = self._boards.top(board, ranking.period_start, self._draw.randint(1, max(1, size.size)), 1)
        after = drawn.ranked[0].user_id if drawn is not None and drawn.ranked else ""
        stored = self._sample(ranking, after, sample)
        suspects = self._different(board, ranking, stored)
        if suspects is None:
            return None
        if suspects:
            self._wait(SETTLED_S)
            again = {score.user_id: score for score in self._sample(ranking, after, sample)}
            unchanged = [score for score in suspects if again.get(score.user_id) == score]
            suspects = self._different(board, ranking, unchanged) or []
        self.compared += len(stored)
        self.differences += len(suspects)
        if suspects:
            log.error(
                "a ranking in Redis differs from the database, and is built again",
                extra={"leaderboard": board.id, "compared": len(stored), "differences": len(suspects)},
            )
            deadline = time.monotonic() + READ_S
            self._database.autocommit(lambda connection: journal.distrust(connection, [board.id]), deadline)
        return Checked(ranking, len(stored), len(suspects))

    def _sample(self, ranking: RankingKey, after: str, count: int) -> list[Score]:
        deadline = time.monotonic() + READ_S

        def read(after: str, count: int) -> list[Score]:
            return self._database.autocommit(
                lambda connection: scores.of_ranking(connection, ranking, after, count), deadline
            )

        following = read(after, count)
        first = read("", count - len(following)) if after and len(following) < count else []
        return list({score.user_id: score for score in [*first, *following]}.values())

    def _different(self, board: Board, ranking: RankingKey, stored: Iterable[Score]) -> list[Score] | None:
        """Those of these scores that Redis has otherwise; None if it cannot say."""
        expected = list(stored)
        page = self._boards.of_players(board, ranking.period_start, [score.user_id for score in expected])
        if page is None:
            return None
        found = {player.user_id: (player.score, player.reached_time) for player in page.ranked}
        return [score for score in expected if found.get(score.user_id) != (score.score, score.reached_time)]
