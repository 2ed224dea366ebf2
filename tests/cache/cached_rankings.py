"""Rankings in a real Valkey, and the expected rankings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from shared.cache.cache_telemetry import CacheTelemetry
from shared.cache.keys import KeySpace
from shared.cache.ranking_builds import RankingBuild
from shared.cache.ranking_cache import RankingCache
from shared.cache.ranking_markers import RankingMarkers
from shared.cache.redis import Cache
from shared.domain.database_identity import DatabaseIdentity
from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure, Ranked, RankedPage
from shared.domain.scores import LeaderboardScore, RankingKey, Score
from shared.domain.standings import EVERYTHING
from shared.runtime.telemetry import Telemetry
from tests.support.waiting import wait_until

PERIOD: Instant = 0
TOP = Leaderboard("top: {1}", "Top", "", LeaderboardMeasure.POINTS, EVERYTHING)
RANKING = RankingKey(TOP.id, PERIOD)
IDENTITY = DatabaseIdentity("0123456789abcdef", "00000001", "")
KEYS = KeySpace("", IDENTITY.key)


class CachedRankings:
    """One process's access to Redis."""

    def __init__(self, url: str, prefix: str, identity: DatabaseIdentity) -> None:
        self.identity = identity
        self.cache = Cache(url, connections_max=50, prefix=prefix)
        self.markers = RankingMarkers(self.cache)
        self.set_epoch(1, identity)
        self.telemetry = Telemetry()
        self.rankings = RankingCache(self.cache, self.markers, CacheTelemetry(self.telemetry, self.cache))

    def set_epoch(self, epoch: int, identity: DatabaseIdentity = IDENTITY) -> None:
        """Set what is known of the database."""
        self.markers.set_known(identity, {TOP.id: epoch})

    def begin(self, board: Leaderboard = TOP) -> RankingBuild:
        """Return a build that has begun."""
        wait_until(lambda: self.cache.probe() is None)
        trusted = self.markers.of(RankingKey(board.id, PERIOD))
        assert trusted is not None
        build = RankingBuild(self.cache, board, RankingKey(board.id, PERIOD), trusted)
        assert build.begin()
        return build

    def build(self, scores: Iterable[Score] = (), board: Leaderboard = TOP) -> None:
        """Build a ranking of exactly these scores."""
        build = self.begin(board)
        build.add(scores)
        build.finish()

    def put(self, *scores: Score, board: Leaderboard = TOP) -> None:
        """Store scores as a writer does after its commit."""
        self.rankings.put((LeaderboardScore(board, PERIOD, score) for score in scores), self.rankings.database_key)

    def all(self, board: Leaderboard = TOP) -> RankedPage | None:
        """Return the whole ranking."""
        return self.rankings.top(board, PERIOD, 1, 10_000)


@contextmanager
def cached_rankings_on(
    url: str, *, prefix: str = "", identity: DatabaseIdentity = IDENTITY
) -> Iterator[CachedRankings]:
    """Yield access to Redis, and close it at the end."""
    cached = CachedRankings(url, prefix, identity)
    try:
        yield cached
    finally:
        cached.cache.close()


def ranked(scores: Iterable[Score], board: Leaderboard = TOP) -> tuple[Ranked, ...]:
    """Return the expected ranking by sorting."""
    sign = 1 if board.ascending else -1
    order = sorted(scores, key=lambda score: (sign * score.score, score.reached_time, score.user_id.encode()))
    return tuple(
        Ranked(score.user_id, score.score, score.reached_time, place, _rank(order, place, board))
        for place, score in enumerate(order, 1)
    )


def _rank(order: Sequence[Score], place: int, board: Leaderboard) -> int:
    if not board.shared_ranks:
        return place
    return 1 + next(index for index, score in enumerate(order) if score.score == order[place - 1].score)
