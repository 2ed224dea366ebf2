"""Rankings in Redis: read, and kept up after every commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import redis

from shared.cache.cache_telemetry import CacheTelemetry
from shared.cache.keys import MARKER, RANKING_TTL_S, RankingKeys, build_keys, ranking_keys
from shared.cache.members import Undecodable, member_of, place_of, version_of
from shared.cache.ranking_markers import RankingMarkers
from shared.cache.redis import Cache, CacheRefused, CacheUnavailable
from shared.cache.scripts import Argument, Script
from shared.domain.catalogue import Leaderboard
from shared.domain.instant import Instant
from shared.domain.rankings import Ranked, RankedPage
from shared.domain.scores import LeaderboardScore, RankingKey, Score

PUT_PLAYERS_MAX = 500
"""In one script: some milliseconds, for which Redis answers nobody else."""

_PUT = Script("put_scores")
_READ = Script("read_ranking")


class RankingCache:
    """Answers about rankings as long as Redis may be believed (`LeaderboardReader`)."""

    def __init__(
        self, cache: Cache, markers: RankingMarkers, telemetry: CacheTelemetry, *, questions_count: bool = True
    ) -> None:
        self._cache = cache
        self._markers = markers
        self._telemetry = telemetry
        self._questions_count = questions_count

    def for_duties(self) -> RankingCache:
        """The same for questions that no caller has asked: they are no part of the share of hits."""
        return RankingCache(self._cache, self._markers, self._telemetry, questions_count=False)

    def top(self, board: Leaderboard, period_start: Instant, first: int, count: int) -> RankedPage | None:
        """`count` players from the place `first` (from 1) on."""
        return self._read(board, period_start, ["top", first - 1, first + count - 2])

    def of_players(self, board: Leaderboard, period_start: Instant, user_ids: Sequence[str]) -> RankedPage | None:
        """Those of these players who are on the board."""
        return self._read(board, period_start, ["players", *user_ids])

    def around(self, board: Leaderboard, period_start: Instant, user_id: str, neighbours: int) -> RankedPage | None:
        """A player with up to so many before and after; nobody if the player is not on the board."""
        return self._read(board, period_start, ["around", neighbours, user_id])

    def put(self, scores: Iterable[LeaderboardScore]) -> None:
        """Store scores that are committed, in rankings that are in use and in those that are being built.

        Other rankings are skipped: they will be built from the database. Raise `CacheUnavailable` if some of the scores
        may be missing.
        """
        by_ranking: dict[RankingKey, tuple[Leaderboard, dict[str, Score]]] = {}
        for board, period_start, score in scores:
            _, newest = by_ranking.setdefault(RankingKey(board.id, period_start), (board, {}))
            stored = newest.get(score.user_id)
            if stored is None or score.version > stored.version:
                newest[score.user_id] = score
        for ranking, (board, newest) in by_ranking.items():
            try:
                self._put(ranking, put_arguments("", newest.values(), ascending=board.ascending))
            except CacheRefused as refusal:
                if not self.distrust(ranking):
                    raise CacheUnavailable from refusal

    def _put(self, ranking: RankingKey, portions: Iterable[Sequence[Argument]]) -> None:
        keys = [*ranking_keys(ranking), *build_keys(ranking)]
        for arguments in portions:
            self._cache.ask(lambda client, arguments=arguments: put(client, keys, arguments))  # type: ignore[misc]

    def missing(self, rankings: Sequence[RankingKey]) -> list[RankingKey]:
        """Those of these rankings that Redis has not, or not so that they can be believed. All others live on.

        Raises `CacheUnavailable`.
        """

        def look(client: redis.Redis) -> list[bytes | None]:
            with client.pipeline(transaction=False) as pipeline:
                for ranking in rankings:
                    keys = ranking_keys(ranking)
                    pipeline.hget(keys.players, MARKER)
                    for key in keys:
                        pipeline.expire(key, RANKING_TTL_S)
                return list(pipeline.execute(raise_on_error=False)[:: 1 + len(RankingKeys._fields)])

        markers = self._cache.ask(look) if rankings else []
        expected = [self._markers.marker_of(ranking) for ranking in rankings]
        return [
            ranking
            for ranking, found, marker in zip(rankings, markers, expected, strict=True)
            if marker is not None and found != marker.encode()
        ]

    def measure_memory(self, rankings: Sequence[RankingKey]) -> None:
        """Show how much memory these rankings take in Redis. Raises `CacheUnavailable`."""
        keys = [key for ranking in rankings for key in ranking_keys(ranking)]

        def measure(client: redis.Redis) -> list[int | None]:
            with client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.memory_usage(key)
                return list(pipeline.execute(raise_on_error=False))

        sizes = self._cache.ask(measure) if keys else []
        self._telemetry.takes_bytes(sum(size for size in sizes if isinstance(size, int)))

    def _read(self, board: Leaderboard, period_start: Instant, asked: Sequence[Argument]) -> RankedPage | None:
        ranking = RankingKey(board.id, period_start)
        marker = self._markers.marker_of(ranking)
        page = None
        if marker is not None and not self._cache.is_unavailable:
            try:
                found = self._cache.ask(lambda client: _READ.run(client, ranking_keys(ranking), [marker, *asked]))
                # A new connection may have gone to another server than the one that the marker names.
                if found is not None and self._markers.marker_of(ranking) == marker:
                    page = _page(board, found)._replace(fresh_at=self._markers.fresh_at)
            except CacheUnavailable:
                page = None
            except (Undecodable, CacheRefused):
                self._telemetry.undecodable()
                self.distrust(ranking)
        if self._questions_count:
            self._telemetry.read(hit=page is not None)
        return page

    def distrust(self, ranking: RankingKey) -> bool:
        """Have a ranking built again, because it holds what was not written here. Whether Redis has dropped it."""
        keys = [*ranking_keys(ranking), *build_keys(ranking)]
        try:
            self._cache.ask(lambda client: client.unlink(*keys))
        except (CacheUnavailable, CacheRefused):
            return False
        return True


def put_arguments(marker: str, scores: Iterable[Score], *, ascending: bool) -> Iterator[list[Argument]]:
    """The arguments of the script that stores scores, in portions of `PUT_PLAYERS_MAX`."""
    arguments: list[Argument] = [marker]
    for score in scores:
        place = place_of(score.score, score.reached_time, ascending=ascending)
        arguments += (score.user_id, version_of(score.version), place)
        if len(arguments) > 3 * PUT_PLAYERS_MAX:
            yield arguments
            arguments = [marker]
    if len(arguments) > 1:
        yield arguments


def put(client: redis.Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> int:
    """Run the script that stores scores, and answer how many of the rankings have them now."""
    return int(_PUT.run(client, keys, arguments))


def _page(board: Leaderboard, found: object) -> RankedPage:
    if not isinstance(found, list) or len(found) % 3 != 1 or not isinstance(found[0], int):
        raise Undecodable
    ranked = [_ranked(board, *found[index : index + 3]) for index in range(1, len(found), 3)]
    return RankedPage(tuple(sorted(ranked, key=lambda player: player.place)), found[0])


def _ranked(board: Leaderboard, raw: object, place: object, better: object) -> Ranked:
    if not isinstance(place, int) or not isinstance(better, int) or place < 0:
        raise Undecodable
    member = member_of(raw, ascending=board.ascending)
    return Ranked(*member, place=place + 1, rank=(better if board.shared_ranks else place) + 1)
