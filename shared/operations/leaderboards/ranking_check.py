"""Comparing rankings in Redis with the scores in the database, by samples."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from shared.cache.rankings import RankingCache
from shared.cache.redis import CacheRefused, CacheUnavailable
from shared.domain.catalogue import Leaderboard
from shared.domain.errors import CatalogueUnavailable
from shared.domain.instant import Instant
from shared.domain.rankings import PLAYERS_MAX
from shared.domain.scores import RankingKey, Score
from shared.operations.leaderboards.ranking_sync import SYNC_INTERVAL_S, CatalogueInUse
from shared.operations.leaderboards.score_pages import PORTION, portions
from shared.postgres.database import Database
from shared.postgres.leaderboards import journal, scores

T = TypeVar("T")
_Place = tuple[int, Instant]
"""A score, and when it was reached."""

log = logging.getLogger(__name__)

CHECK_INTERVAL_S = 60.0
SAMPLE = 50
"""Players of each ranking: a difference of a percent of all players is found within minutes."""
ROWS_FOR_A_PLAYER = 5
"""Of tallies or standings: about so many a player has."""
SETTLED_S = 3 * SYNC_INTERVAL_S
"""A score that Redis does not have after this was missed by its writer and by the duty that repairs."""
READ_S = 10.0


class Checked(NamedTuple):
    """What a check of one ranking has found."""

    ranking: RankingKey
    compared: int
    differences: int
    """Players who are not in Redis as the database has them, and not since just now; and those whom only Redis has."""


class RankingCheck:
    """Samples players of rankings, and has rankings with differences built again."""

    def __init__(
        self,
        database: Database,
        catalogue: CatalogueInUse,
        boards: RankingCache,
        draw: random.Random,
        wait: Callable[[float], object],
    ) -> None:
        """`wait` is given the seconds that scores may take to settle."""
        self._database = database
        self._catalogue = catalogue
        self._boards = boards.for_duties()
        self._draw = draw
        self._wait = wait
        self.compared = 0
        self.differences = 0

    def one_pass(self) -> None:
        """Check every ranking that Redis has."""
        try:
            boards = self._catalogue().leaderboard_by_id
            rankings = self._database.autocommit(scores.open_rankings, time.monotonic() + READ_S)
            looked_at = [ranking for ranking in rankings if ranking.board_id in boards]
            self._boards.measure_memory(looked_at)
            for ranking in looked_at:
                self.check(boards[ranking.board_id], ranking)
        except (CacheUnavailable, CacheRefused, CatalogueUnavailable):
            return

    def check(self, board: Leaderboard, ranking: RankingKey, sample: int = SAMPLE) -> Checked | None:
        """Compare a sample; None if Redis does not have the ranking. Differences have it built again.

        The sample are the players that follow one who is drawn from Redis, as the database has them, and after the last
        one the first ones: so players who are missing in Redis are found, too. Those who stand behind the drawn one in
        Redis are looked for in the database.
        """
        checked = self.compare(board, ranking, sample)
        if checked is None:
            return None
        self.compared += checked.compared
        self.differences += checked.differences
        if checked.differences:
            log.error(
                "a ranking in Redis differs from the database, and is built again",
                extra={"leaderboard": board.id, "compared": checked.compared, "differences": checked.differences},
            )
            deadline = time.monotonic() + READ_S
            self._database.autocommit(lambda connection: journal.distrust(connection, [board.id]), deadline)
        return checked

    def compare(self, board: Leaderboard, ranking: RankingKey, sample: int = SAMPLE) -> Checked | None:
        """As `check`, and change nothing."""
        size = self._boards.top(board, ranking.period_start, 1, 1)
        if size is None:
            return None
        first = self._draw.randint(1, max(1, size.size - sample + 1))
        drawn = self._drawn(board, ranking, first, sample)
        if drawn is None:
            return None
        stored = self._sample(board, ranking, next(iter(drawn), ""), sample)
        suspects: list[Score] = []
        for portion in _questions(stored):
            found = self._found(board, ranking, portion)
            if found is None:
                return None
            suspects += _different(portion, found)
        # Nobody leaves a ranking, and nobody is in Redis before the database.
        surplus = sum(len(portion) - len(self._stored(ranking, portion)) for portion in _questions(list(drawn)))
        return Checked(ranking, len(stored), self._unsettled(board, ranking, suspects) + surplus)

    def compare_all(
        self, board: Leaderboard, ranking: RankingKey, progress: Callable[[int], object] = lambda _: None
    ) -> Checked | None:
        """Compare all players, and look for those whom only Redis has; None if Redis does not have the ranking.

        `progress` is told how many players were compared since it was last told.
        """
        before = self._boards.top(board, ranking.period_start, 1, 1)
        if before is None:
            return None
        compared, present, suspects = 0, 0, list[Score]()
        for portion in self._portions_of_players(board, ranking):
            found = self._found(board, ranking, portion)
            if found is None:
                return None
            suspects += _different(portion, found)
            compared += len(portion)
            present += len(found)
            progress(len(portion))
        # Nobody leaves a ranking, and nobody is in Redis before the database: whoever was in Redis at first is in what
        # was read since.
        surplus = max(0, before.size - present)
        return Checked(ranking, compared, self._unsettled(board, ranking, suspects) + surplus)

    def _unsettled(self, board: Leaderboard, ranking: RankingKey, suspects: Sequence[Score]) -> int:
        """How many of these players Redis still has otherwise when their scores have had time to get there."""
        if not suspects:
            return 0
        self._wait(SETTLED_S)
        count = 0
        for portion in _questions(suspects):
            stored = self._stored(ranking, [score.user_id for score in portion])
            unchanged = [score for score in portion if stored.get(score.user_id) == score]
            found = self._found(board, ranking, unchanged)
            count += 0 if found is None else len(_different(unchanged, found))
        return count

    def _drawn(self, board: Leaderboard, ranking: RankingKey, first: int, count: int) -> Mapping[str, None] | None:
        """The ids of so many players from the place `first` on, in that order; None if Redis cannot say."""
        user_ids: dict[str, None] = {}
        for portion in _questions(range(first, first + count)):
            page = self._boards.top(board, ranking.period_start, portion[0], len(portion))
            if page is None:
                return None
            # Whoever rises meanwhile is met again.
            user_ids |= dict.fromkeys(player.user_id for player in page.ranked)
            if len(page.ranked) < len(portion):
                break
        return user_ids

    def _sample(self, board: Leaderboard, ranking: RankingKey, after: str, count: int) -> list[Score]:
        found: dict[str, Score] = {}
        for start in (after, ""):
            read = portions(self._database, board, ranking.period_start, start, min(PORTION, ROWS_FOR_A_PLAYER * count))
            while len(found) < count and (portion := next(read, None)) is not None:
                found |= {score.user_id: score for score in portion}
        return list(found.values())[:count]

    def _stored(self, ranking: RankingKey, user_ids: Sequence[str]) -> Mapping[str, Score]:
        found = self._database.autocommit(
            lambda connection: scores.of_players(connection, user_ids), time.monotonic() + READ_S
        )
        return {score.user_id: score for key, score in found if key == ranking}

    def _portions_of_players(self, board: Leaderboard, ranking: RankingKey) -> Iterator[Sequence[Score]]:
        for portion in portions(self._database, board, ranking.period_start):
            yield from _questions(portion)

    def _found(self, board: Leaderboard, ranking: RankingKey, stored: Sequence[Score]) -> Mapping[str, _Place] | None:
        """What Redis has of the players of these scores; None if it cannot say."""
        page = self._boards.of_players(board, ranking.period_start, [score.user_id for score in stored])
        if page is None:
            return None
        return {player.user_id: (player.score, player.reached_time) for player in page.ranked}


def _questions(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Players in portions that one question may be about: Redis answers nobody else meanwhile."""
    return (items[start : start + PLAYERS_MAX] for start in range(0, len(items), PLAYERS_MAX))


def _different(stored: Iterable[Score], found: Mapping[str, _Place]) -> list[Score]:
    """Those of these scores that Redis has otherwise."""
    return [score for score in stored if found.get(score.user_id) != (score.score, score.reached_time)]
