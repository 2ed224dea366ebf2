"""Comparison of samples of the rankings in Redis with the scores in the database."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.ranking_cache import RankingCache
from shared.domain.errors import CatalogueUnavailable
from shared.domain.instant import Instant
from shared.domain.leaderboard import PLAYERS_MAX, Leaderboard, RankedPage
from shared.domain.scores import RankingKey, Score
from shared.operations.leaderboards.ranking_sync import PAGE_ROWS, SYNC_INTERVAL_S, CatalogueInUse, score_pages
from shared.postgres.database import Database
from shared.postgres.leaderboards import journal, scores

T = TypeVar("T")
_Reached = tuple[int, Instant]
"""A score, and the instant at which it was reached."""

log = logging.getLogger(__name__)

CHECK_INTERVAL_S = 60.0
SAMPLE = 50
"""Players compared in each ranking: a difference in one percent of the players is found within minutes."""
ROWS_FOR_A_PLAYER = 5
"""Tallies or standings that one player has, approximately."""
ARRIVAL_S = 3 * SYNC_INTERVAL_S
"""Time after which a score should be in Redis. One that is not was missed by its writer and by the sync duty."""
READ_TIMEOUT_S = 10.0


class Checked(NamedTuple):
    """Result of the check of one ranking."""

    ranking: RankingKey
    compared: int
    differences: int
    """Players whose score in Redis has differed for some time, and players that only Redis has."""


class RankingCheck:
    """The duty that samples players of rankings, and lets rankings with differences be rebuilt."""

    def __init__(
        self,
        database: Database,
        catalogue: CatalogueInUse,
        rankings: RankingCache,
        chance: random.Random,
        wait: Callable[[float], object],
    ) -> None:
        """Create the duty. `wait` waits for the given number of seconds while scores arrive in Redis."""
        self._database = database
        self._catalogue = catalogue
        self._rankings = rankings.for_duties()
        self._chance = chance
        self._wait = wait
        self.compared = 0
        """Players that the last pass has compared."""
        self.differences = 0
        """Differences that the last pass has found."""

    def one_pass(self) -> None:
        """Check every ranking that Redis has."""
        found: list[Checked] = []
        try:
            boards = self._catalogue().leaderboard_by_id
            rankings = self._database.autocommit(scores.open_rankings, time.monotonic() + READ_TIMEOUT_S)
            looked_at = [ranking for ranking in rankings if ranking.board_id in boards]
            self._rankings.measure_memory(looked_at)
            for ranking in looked_at:
                checked = self.check(boards[ranking.board_id], ranking)
                if checked is not None:
                    found.append(checked)
        except (CacheUnavailable, CacheRefused, CatalogueUnavailable):
            # The comparisons before this count.
            pass
        self.compared = sum(checked.compared for checked in found)
        self.differences = sum(checked.differences for checked in found)

    def check(self, board: Leaderboard, ranking: RankingKey, sample: int = SAMPLE) -> Checked | None:
        """Compare a sample, and let a ranking with differences be rebuilt. Return None if Redis lacks the ranking.

        One player is picked at random from Redis. The sample consists of the players that follow this one in the
        database by id, continuing with the first id after the last, so that players missing in Redis are found, too.
        The players behind the picked one in Redis are compared with the database, so that scores that only Redis has
        are found.
        """
        checked = self.compare(board, ranking, sample)
        if checked is None:
            return None
        if checked.differences:
            log.error(
                "ranking in Redis differs from the database, rebuilding",
                extra={"leaderboard": board.id, "compared": checked.compared, "differences": checked.differences},
            )
            deadline = time.monotonic() + READ_TIMEOUT_S
            self._database.autocommit(lambda connection: journal.invalidate(connection, [board.id]), deadline)
        return checked

    def compare(self, board: Leaderboard, ranking: RankingKey, sample: int = SAMPLE) -> Checked | None:
        """Compare a sample as `check` does, and change nothing."""
        size = self._rankings.top(board, ranking.period_start, 1, 1)
        if size is None:
            return None
        first = self._chance.randint(1, max(1, size.size - sample + 1))
        picked = self._read_from(board, ranking, first, sample)
        if picked is None:
            return None
        stored = self._sample(board, ranking, next(iter(picked), ""), sample)
        suspects: dict[str, Score] = {}
        for batch in _batches(stored):
            found = self._found(board, ranking, batch)
            if found is None:
                return None
            suspects |= _by_player(_different(batch, found))
        # Players never leave a ranking, and are in the database before they are in Redis.
        surplus = 0
        for names in _batches(list(picked)):
            committed = self._stored(ranking, names)
            surplus += len(names) - len(committed)
            suspects |= _by_player(_different(committed.values(), picked))
        return Checked(ranking, len(stored), self._still_different(board, ranking, list(suspects.values())) + surplus)

    def compare_all(
        self, board: Leaderboard, ranking: RankingKey, progress: Callable[[int], object] = lambda _: None
    ) -> Checked | None:
        """Compare all players, and count those that only Redis has. Return None if Redis lacks the ranking.

        `progress` is called with the number of players compared since its last call.
        """
        before = self._rankings.top(board, ranking.period_start, 1, 1)
        if before is None:
            return None
        compared, present, suspects = 0, 0, list[Score]()
        for batch in self._all_stored(board, ranking):
            found = self._found(board, ranking, batch)
            if found is None:
                return None
            suspects += _different(batch, found)
            compared += len(batch)
            present += len(found)
            progress(len(batch))
        # Players never leave a ranking, and are in the database before they are in Redis: whoever was in Redis at first
        # is among the players read since.
        surplus = max(0, before.size - present)
        return Checked(ranking, compared, self._still_different(board, ranking, suspects) + surplus)

    def _still_different(self, board: Leaderboard, ranking: RankingKey, suspects: Sequence[Score]) -> int:
        """Return how many of these players still differ in Redis after their scores have had time to arrive."""
        if not suspects:
            return 0
        self._wait(ARRIVAL_S)
        count = 0
        for batch in _batches(suspects):
            stored = self._stored(ranking, [score.user_id for score in batch])
            unchanged = [score for score in batch if stored.get(score.user_id) == score]
            found = self._found(board, ranking, unchanged)
            count += 0 if found is None else len(_different(unchanged, found))
        return count

    def _read_from(
        self, board: Leaderboard, ranking: RankingKey, first: int, count: int
    ) -> Mapping[str, _Reached] | None:
        """Return what Redis has of `count` players from the place `first` on; None if Redis is not available."""
        found: dict[str, _Reached] = {}
        for batch in _batches(range(first, first + count)):
            page = self._rankings.top(board, ranking.period_start, batch[0], len(batch))
            if page is None:
                return None
            # A player who rises meanwhile is read twice.
            found |= _reached(page)
            if len(page.ranked) < len(batch):
                break
        return found

    def _sample(self, board: Leaderboard, ranking: RankingKey, after: str, count: int) -> list[Score]:
        found: dict[str, Score] = {}
        for start in (after, ""):
            rows = min(PAGE_ROWS, ROWS_FOR_A_PLAYER * count)
            pages = score_pages(self._database, board, ranking.period_start, start, rows)
            while len(found) < count and (page := next(pages, None)) is not None:
                found |= {score.user_id: score for score in page}
        return list(found.values())[:count]

    def _stored(self, ranking: RankingKey, user_ids: Sequence[str]) -> Mapping[str, Score]:
        found = self._database.autocommit(
            lambda connection: scores.of_players(connection, user_ids), time.monotonic() + READ_TIMEOUT_S
        )
        return {score.user_id: score for key, score in found if key == ranking}

    def _all_stored(self, board: Leaderboard, ranking: RankingKey) -> Iterator[Sequence[Score]]:
        for page in score_pages(self._database, board, ranking.period_start):
            yield from _batches(page)

    def _found(self, board: Leaderboard, ranking: RankingKey, stored: Sequence[Score]) -> Mapping[str, _Reached] | None:
        """Return the scores that Redis has of these players; None if Redis is not available."""
        page = self._rankings.of_players(board, ranking.period_start, [score.user_id for score in stored])
        if page is None:
            return None
        return _reached(page)


def _reached(page: RankedPage) -> dict[str, _Reached]:
    return {player.user_id: (player.score, player.reached_time) for player in page.ranked}


def _by_player(found: Iterable[Score]) -> dict[str, Score]:
    return {score.user_id: score for score in found}


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split into batches that one command may read: Redis serves no one else meanwhile."""
    return (items[start : start + PLAYERS_MAX] for start in range(0, len(items), PLAYERS_MAX))


def _different(stored: Iterable[Score], found: Mapping[str, _Reached]) -> list[Score]:
    """Return the scores that differ in Redis."""
    return [score for score in stored if found.get(score.user_id) != (score.score, score.reached_time)]
