"""Deployments that share a Redis, and releases with another format, neither read nor delete each other's keys."""

from __future__ import annotations

import pytest

from shared.cache.clearing import UNUSED_S, clear, clear_old_format, keys
from shared.cache.errors import CacheUnavailable
from shared.cache.keys import RANKING_TTL_1_S, KeySpace
from shared.domain.leaderboard import RankedPage
from shared.domain.scores import LeaderboardScore, Score
from tests.cache.cached_rankings import IDENTITY, KEYS, PERIOD, RANKING, TOP, CachedRankings, cached_rankings_on, ranked
from tests.support.redis_clients import redis_client_of

OURS = [Score("ours", 1, 0, 1)]
THEIRS = [Score("theirs", 2, 0, 1)]
OTHER = IDENTITY._replace(key="fedcba9876543210")


def count_keys(cached: CachedRankings, space: KeySpace) -> int:
    return sum(map(len, keys(cached.cache, space)))


@pytest.mark.parametrize(("prefix", "identity"), [("", OTHER), ("game-2:", IDENTITY)], ids=["database", "prefix"])
def test_deployments_on_one_redis_do_not_see_or_clear_each_others_keys(
    cached: CachedRankings, redis_url: str, prefix: str, identity: object
) -> None:
    with cached_rankings_on(redis_url, prefix=prefix, identity=identity) as other:  # type: ignore[arg-type]
        cached.build(OURS)
        other.build(THEIRS)
        cached.put(Score("ours", 3, 0, 2))
        assert cached.all() == RankedPage(ranked([Score("ours", 3, 0, 2)]), 1)
        assert other.all() == RankedPage(ranked(THEIRS), 1)
        assert clear(cached.cache, KEYS) == 2
        assert cached.all() is None
        assert other.all() == RankedPage(ranked(THEIRS), 1)


def test_a_prefix_matches_only_itself(cached: CachedRankings, redis_url: str) -> None:
    with cached_rankings_on(redis_url, prefix="game-2:") as other:
        other.build(THEIRS)
        assert count_keys(cached, KeySpace("game-", IDENTITY.key)) == 0
        assert count_keys(cached, KeySpace("game-2:", IDENTITY.key)) == 2


def test_scores_of_another_state_of_the_database_are_not_stored(cached: CachedRankings) -> None:
    cached.build(OURS)
    with pytest.raises(CacheUnavailable):
        cached.rankings.put([LeaderboardScore(TOP, PERIOD, THEIRS[0])], OTHER.key)
    assert cached.all() == RankedPage(ranked(OURS), 1)


def test_a_database_with_another_key_has_no_rankings_yet(cached: CachedRankings) -> None:
    cached.build(OURS)
    cached.set_epoch(1, OTHER)
    assert cached.all() is None
    assert cached.rankings.missing([RANKING]) == [RANKING]


def test_keys_of_an_earlier_release_are_deleted_only_once_no_process_renews_them(
    cached: CachedRankings, redis_url: str
) -> None:
    cached.build(OURS)
    used, unused = "challenge:1:board:{used:0}:order", "challenge:1:board:{unused:0}:order"
    building = "challenge:1:board:{unused:0}:build:players"
    with redis_client_of(redis_url) as client:
        for name, ttl_s in ((used, RANKING_TTL_1_S - 5), (unused, RANKING_TTL_1_S - UNUSED_S - 5), (building, 25)):
            client.set(name, "x", ex=ttl_s)
        client.set("challenge:10:board", "x")
        client.set("game:challenge:1:board", "x")
        assert clear_old_format(cached.cache, "") == 1
        assert client.exists(used, building, "challenge:10:board", "game:challenge:1:board") == 4
    assert cached.all() == RankedPage(ranked(OURS), 1)


def test_scores_reach_rankings_of_the_release_before(cached: CachedRankings, redis_url: str) -> None:
    old = KEYS.of_the_release_before(RANKING)
    assert old[0] == "challenge:1:board:{top%3A%20%7B1%7D:0}:order"
    with redis_client_of(redis_url) as client:
        for players in old[1::2]:
            client.hset(players, "", "1:any marker")
        cached.put(Score("new", 7, 0, 1))
        assert [client.zcard(order) for order in old[::2]] == [1, 1]
        assert [client.hlen(players) for players in old[1::2]] == [2, 2]
    assert KeySpace("game:", IDENTITY.key).of_the_release_before(RANKING) == []
