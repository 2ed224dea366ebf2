"""Rankings that may be ahead of the database: their scores are read without trusting them, and then they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shared.cache.keys import MARKER
from shared.cache.members import SORT_KEY_BYTES, member_of, version_in
from shared.cache.ranking_cache import Untrusted
from shared.cache.redis import Cache, Script
from shared.domain.leaderboard import Leaderboard
from shared.domain.scores import Score

if TYPE_CHECKING:
    import redis

SCAN_PLAYERS = 500
"""Players read by one command, approximately."""

_KEEP = Script("keep_ranking")


def stored_scores(cache: Cache, board: Leaderboard, untrusted: Untrusted) -> Iterator[list[Score]]:
    """Yield all scores of a ranking in batches. A score may be repeated; new ones may be missing.

    Raise `CacheUnavailable`, `CacheRefused`, or `Undecodable`.
    """
    key = untrusted.expected.keys.ranking(untrusted.ranking).players
    cursor = 0
    while True:

        def scan(client: redis.Redis, cursor: int = cursor) -> Any:
            return client.hscan(key, cursor, count=SCAN_PLAYERS)

        cursor, found = cache.ask(scan, for_duty=True)
        yield [_score(board, *item) for item in found.items() if item[0] != MARKER.encode()]
        if cursor == 0:
            return


def keep(cache: Cache, untrusted: Untrusted) -> bool:
    """Give a ranking the expected marker if it still differs in the timeline only, and return whether it has it.

    Raise `CacheUnavailable` or `CacheRefused`.
    """
    keys = untrusted.expected.keys.ranking(untrusted.ranking)
    marker = untrusted.expected.marker
    start = str(marker._replace(timeline=""))
    return bool(cache.ask(lambda client: _KEEP.run(client, keys, [start, str(marker)])))


def _score(board: Leaderboard, user_id: bytes, stored: bytes) -> Score:
    version, sort_key = version_in(stored), stored[-SORT_KEY_BYTES:]
    member = member_of(sort_key + user_id, ascending=board.ascending)
    return Score(member.user_id, member.score, member.reached_time, version)
