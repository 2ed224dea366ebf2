"""Builds of a ranking in Redis, beside the ranking in use.

The builder's token is both its lock and its fence: it expires if the builder dies, and later actions of that builder
have no effect. During a build writers put their scores into both rankings, so no score is lost between reading the
database and switching to the new ranking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.keys import BUILD_TTL_S, MARKER, RANKING_TTL_S, RankingKeys
from shared.cache.ranking_cache import PUT, put_arguments
from shared.cache.ranking_markers import RankingMarkers, Trusted
from shared.cache.redis import Argument, Cache, Script
from shared.domain.instant import Instant
from shared.domain.leaderboard import Leaderboard
from shared.domain.scores import RankingKey, Score

if TYPE_CHECKING:
    import redis

_BEGIN = Script("begin_build")
_FINISH = Script("finish_build")
_ABANDON = Script("abandon_build")


class BuildLost(Exception):
    """The builder was too slow, or Redis has lost what was built."""


class RankingBuild:
    """The build of one ranking. Every method raises `CacheUnavailable` if Redis does not respond."""

    def __init__(self, cache: Cache, board: Leaderboard, ranking: RankingKey, trusted: Trusted) -> None:
        self._cache = cache
        self._board = board
        self._marker = str(trusted.marker)
        self._token = uuid4().hex
        self._in_use: RankingKeys = trusted.keys.ranking(ranking)
        self._built: RankingKeys = trusted.keys.build(ranking)

    def begin(self) -> bool:
        """Begin, and return True; return False if another build of this ranking is under way."""
        return bool(self._run(_BEGIN, self._built, [self._token, BUILD_TTL_S]))

    def add(self, scores: Iterable[Score]) -> None:
        """Add scores, in any order. Raise `BuildLost` if the token has expired."""
        for arguments in put_arguments(self._token, scores, ascending=self._board.ascending):
            if not self._run(PUT, self._built, arguments):
                raise BuildLost
        if not self._cache.ask(self._renew, for_duty=True):
            raise BuildLost

    def abandon(self) -> None:
        """Release the token, so that another builder can begin at once."""
        with suppress(CacheUnavailable, CacheRefused):
            self._run(_ABANDON, [self._built.players], [self._token])

    def finish(self) -> None:
        """Replace the ranking in use by this one. Raise `BuildLost` if the token has expired."""
        arguments: list[Argument] = [self._token, self._marker, RANKING_TTL_S]
        if not self._run(_FINISH, [*self._in_use, *self._built], arguments):
            raise BuildLost

    def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> int:
        return int(self._cache.ask(lambda client: script.run(client, keys, arguments), for_duty=True) or 0)

    def _renew(self, client: redis.Redis) -> bool:
        """Renew the expiry of what is built, and return whether it is still this build's."""
        for key in self._built:
            client.expire(key, BUILD_TTL_S)
        return client.hget(self._built.players, MARKER) == self._token.encode()


def new_build(cache: Cache, markers: RankingMarkers, board: Leaderboard, period_start: Instant) -> RankingBuild | None:
    """Return a build that ends with the marker expected now; None while that is unknown."""
    ranking = RankingKey(board.id, period_start)
    trusted = markers.of(ranking)
    return None if trusted is None else RankingBuild(cache, board, ranking, trusted)
