"""Building a ranking in Redis beside the one in use.

The builder's token is its lock and its fence: it runs out if the builder dies, and whatever a builder does after that
changes nothing. While it builds, writers put their scores into both rankings, so none is missed between reading the
database and taking the new ranking into use.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from uuid import uuid4

from shared.cache.keys import BUILD_TTL_S, RANKING_TTL_S, RankingKeys, build_keys, ranking_keys
from shared.cache.ranking_markers import RankingMarkers
from shared.cache.rankings import put, put_arguments
from shared.cache.redis import Cache, CacheRefused, CacheUnavailable
from shared.cache.scripts import Argument, Script
from shared.domain.catalogue import Leaderboard
from shared.domain.instant import Instant
from shared.domain.scores import RankingKey, Score

_BEGIN = Script("begin_build")
_FINISH = Script("finish_build")
_ABANDON = Script("abandon_build")


class BuildLost(Exception):
    """The builder was too slow, or Redis has forgotten what was built."""


class RankingBuild:
    """One ranking on its way. Calls raise `CacheUnavailable` if Redis does not answer."""

    def __init__(self, cache: Cache, board: Leaderboard, ranking: RankingKey, marker: str) -> None:
        self._cache = cache
        self._board = board
        self._marker = marker
        self._token = uuid4().hex
        self._in_use: RankingKeys = ranking_keys(ranking)
        self._built: RankingKeys = build_keys(ranking)

    def begin(self) -> bool:
        """Whether it could begin: only one is built at a time."""
        return bool(self._cache.ask(lambda client: _BEGIN.run(client, self._built, [self._token, BUILD_TTL_S])))

    def add(self, scores: Iterable[Score]) -> None:
        """Add a portion, in any order. Raises `BuildLost`."""
        for arguments in put_arguments(self._token, scores, ascending=self._board.ascending):
            if not self._cache.ask(lambda client, arguments=arguments: put(client, self._built, arguments)):  # type: ignore[misc]
                raise BuildLost
        for key in self._built:
            self._cache.ask(lambda client, key=key: client.expire(key, BUILD_TTL_S))  # type: ignore[misc]

    def abandon(self) -> None:
        """Make room for another builder at once."""
        with suppress(CacheUnavailable, CacheRefused):
            self._cache.ask(lambda client: _ABANDON.run(client, [self._built.players], [self._token]))

    def finish(self) -> None:
        """Take it into use. Raises `BuildLost`."""
        arguments: list[Argument] = [self._token, self._marker, RANKING_TTL_S]
        if not self._cache.ask(lambda client: _FINISH.run(client, [*self._in_use, *self._built], arguments)):
            raise BuildLost


def new_build(cache: Cache, markers: RankingMarkers, board: Leaderboard, period_start: Instant) -> RankingBuild | None:
    """A build of the state that the ranking has from now on; None while it is not known which Redis this is."""
    ranking = RankingKey(board.id, period_start)
    marker = markers.marker_of(ranking)
    return None if marker is None else RankingBuild(cache, board, ranking, marker)
