"""Rankings in Redis: reads, and writes after each commit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from shared.cache import clearing
from shared.cache.cache_telemetry import CacheTelemetry
from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.keys import MARKER, RANKING_TTL_S, KeySpace, RankingKeys
from shared.cache.members import Undecodable, member_of, sort_key_of, version_of
from shared.cache.ranking_markers import RankingMarkers, Trusted
from shared.cache.redis import Argument, Cache, Script
from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard, Ranked, RankedPage
from shared.domain.scores import LeaderboardScore, RankingKey, Score

if TYPE_CHECKING:
    import redis

PUT_PLAYERS_MAX = 500
"""Players stored by one script: a few milliseconds, in which Redis serves no one else."""

PUT = Script("put_scores")
"""Returns how many of the rankings hold the scores now."""
_READ = Script("read_ranking")


class Untrusted(NamedTuple):
    """A ranking that Redis lacks or that cannot be trusted."""

    ranking: RankingKey
    expected: Trusted
    timeline_only: bool
    """True if Redis has the whole ranking, and the database may have lost some of it with a change of timeline."""


class RankingCache:
    """A reader of rankings (`LeaderboardReader`) that returns None where Redis cannot be trusted."""

    def __init__(
        self, cache: Cache, markers: RankingMarkers, telemetry: CacheTelemetry, *, count_reads: bool = True
    ) -> None:
        self._cache = cache
        self._markers = markers
        self._telemetry = telemetry
        self._count_reads = count_reads

    def for_duties(self) -> RankingCache:
        """Return a copy for background duties: its reads are not counted in the hit rate."""
        return RankingCache(self._cache, self._markers, self._telemetry, count_reads=False)

    def top(self, board: Leaderboard, period_start: Instant, first: int, count: int) -> RankedPage | None:
        """Return `count` players from the place `first` (from 1) on."""
        return self._read(board, period_start, ["top", first - 1, first + count - 2])

    def of_players(self, board: Leaderboard, period_start: Instant, user_ids: Sequence[str]) -> RankedPage | None:
        """Return those of these players who are on the leaderboard."""
        return self._read(board, period_start, ["players", *user_ids])

    def around(self, board: Leaderboard, period_start: Instant, user_id: str, neighbours: int) -> RankedPage | None:
        """Return a player with up to `neighbours` before and after; no one if the player is not on the leaderboard."""
        return self._read(board, period_start, ["around", neighbours, user_id])

    @property
    def prefix(self) -> str:
        """The prefix of all keys."""
        return self._cache.prefix

    def block(self, reason: str | None) -> None:
        """Do not use Redis, for this reason; None: use it again."""
        self._cache.block(reason)

    @property
    def database_key(self) -> str | None:
        """The key of the database under which scores are stored now; None while it is unknown."""
        keys = self._markers.keys
        return None if keys is None else keys.database_key

    def put(self, scores: Iterable[LeaderboardScore], database_key: str | None) -> None:
        """Store scores, which were committed to the database with this key, in rankings in use and being built.

        Other rankings are skipped: they will be built from the database. Raise `CacheUnavailable` if some of the scores
        may be missing, also because the database has another key by now.
        """
        keys = self._markers.keys
        if keys is None or keys.database_key != database_key:
            raise CacheUnavailable("the database has another key")
        by_ranking: dict[RankingKey, tuple[Leaderboard, dict[str, Score]]] = {}
        for board, period_start, score in scores:
            _, newest = by_ranking.setdefault(RankingKey(board.id, period_start), (board, {}))
            stored = newest.get(score.user_id)
            if stored is None or score.version > stored.version:
                newest[score.user_id] = score
        for ranking, (board, newest) in by_ranking.items():
            try:
                self._put(keys, ranking, put_arguments("", newest.values(), ascending=board.ascending))
            except CacheRefused as refusal:
                if not self._discard(keys, ranking):
                    raise CacheUnavailable from refusal

    def forget(self, user_id: str) -> None:
        """Delete a player from all rankings in use and being built. Raise `CacheUnavailable` or `CacheRefused`."""
        keys = self._markers.keys
        if keys is not None:
            clearing.forget_player(self._cache, keys, user_id)

    def _put(self, keys: KeySpace, ranking: RankingKey, batches: Iterable[Sequence[Argument]]) -> None:
        """Write batches of scores, each by one script, to a ranking, its build and its keys of the release before."""
        names = [*keys.ranking(ranking), *keys.build(ranking), *keys.of_the_release_before(ranking)]
        for arguments in batches:
            self._cache.ask(lambda client, arguments=arguments: PUT.run(client, names, arguments))  # type: ignore[misc]

    def missing(self, rankings: Sequence[RankingKey]) -> list[RankingKey]:
        """Return the rankings that Redis lacks or that cannot be trusted, and renew the expiry of all.

        Raise `CacheUnavailable`.
        """
        return [untrusted.ranking for untrusted in self.untrusted(rankings)]

    def untrusted(self, rankings: Sequence[RankingKey]) -> list[Untrusted]:
        """Return the same as `missing`, with what is known of each. Raise `CacheUnavailable`."""
        expected = [(ranking, trusted) for ranking in rankings if (trusted := self._markers.of(ranking)) is not None]

        def read_markers(client: redis.Redis) -> list[object]:
            with client.pipeline(transaction=False) as pipeline:
                for ranking, trusted in expected:
                    keys = trusted.keys.ranking(ranking)
                    pipeline.hget(keys.players, MARKER)
                    for key in keys:
                        pipeline.expire(key, RANKING_TTL_S)
                return list(pipeline.execute(raise_on_error=False)[:: 1 + len(RankingKeys._fields)])

        markers = self._cache.ask(read_markers, for_duty=True) if expected else []
        return [
            Untrusted(ranking, trusted, isinstance(found, bytes) and trusted.marker.differs_in_timeline(found))
            for (ranking, trusted), found in zip(expected, markers, strict=True)
            if found != str(trusted.marker).encode()
        ]

    def measure_memory(self, rankings: Sequence[RankingKey]) -> None:
        """Set the metric of the memory that these rankings take in Redis. Raise `CacheUnavailable`."""
        keys = self._markers.keys
        names = [] if keys is None else [name for ranking in rankings for name in keys.ranking(ranking)]

        def measure(client: redis.Redis) -> list[int | None]:
            with client.pipeline(transaction=False) as pipeline:
                for name in names:
                    pipeline.memory_usage(name)
                return list(pipeline.execute(raise_on_error=False))

        sizes = self._cache.ask(measure, for_duty=True) if names else []
        self._telemetry.set_bytes(sum(size for size in sizes if isinstance(size, int)))

    def discard(self, ranking: RankingKey) -> bool:
        """Delete a ranking that cannot be decoded, so that it is rebuilt. Return whether Redis has deleted it."""
        keys = self._markers.keys
        return keys is not None and self._discard(keys, ranking)

    def _read(self, board: Leaderboard, period_start: Instant, query: Sequence[Argument]) -> RankedPage | None:
        """Run the read script; return its page, or None if Redis lacks a complete ranking or is not available."""
        ranking = RankingKey(board.id, period_start)
        trusted = self._markers.of(ranking)
        page = None
        if trusted is not None and not self._cache.is_unavailable:
            keys, marker = trusted.keys.ranking(ranking), str(trusted.marker)
            try:
                found = self._cache.ask(
                    lambda client: _READ.run(client, keys, [marker, *query]), for_duty=not self._count_reads
                )
                # The connection may have reached another server than the one named by the marker, and the database may
                # have changed meanwhile.
                now = self._markers.of(ranking)
                if found is not None and now is not None and (now.keys, now.marker) == (trusted.keys, trusted.marker):
                    page = _page(board, found)._replace(fresh_at=trusted.fresh_at)
            except CacheUnavailable:
                page = None
            except (Undecodable, CacheRefused):
                self._telemetry.count_undecodable()
                self._discard(trusted.keys, ranking)
        if self._count_reads:
            self._telemetry.count_read(hit=page is not None)
        return page

    def _discard(self, keys: KeySpace, ranking: RankingKey) -> bool:
        names = [*keys.ranking(ranking), *keys.build(ranking)]
        try:
            self._cache.ask(lambda client: client.unlink(*names))
        except (CacheUnavailable, CacheRefused):
            return False
        return True


def put_arguments(marker: str, scores: Iterable[Score], *, ascending: bool) -> Iterator[list[Argument]]:
    """Yield the arguments of the script that stores scores, for up to `PUT_PLAYERS_MAX` players each."""
    arguments: list[Argument] = [marker]
    for score in scores:
        sort_key = sort_key_of(score.score, score.reached_time, ascending=ascending)
        arguments += (score.user_id, version_of(score.version), sort_key)
        if len(arguments) > 3 * PUT_PLAYERS_MAX:
            yield arguments
            arguments = [marker]
    if len(arguments) > 1:
        yield arguments


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
