"""A damaged ranking in Redis is a miss, never a wrong result."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from devstack.valkey import EmbeddedValkey
from shared.domain.leaderboard import RankedPage
from shared.domain.scores import Score
from tests.cache.cached_rankings import IDENTITY, KEYS, PERIOD, RANKING, TOP, CachedRankings, cached_rankings_on, ranked

SCORES = [Score(player, points, 0, 1) for player, points in (("a", 3), ("b", 2), ("c", 1))]
ORDER, PLAYERS = KEYS.ranking(RANKING)


@pytest.fixture
def built(cached: CachedRankings) -> CachedRankings:
    cached.build(SCORES)
    assert cached.all() == RankedPage(ranked(SCORES), 3)
    return cached


def garble(cached: CachedRankings, spoil: Callable[[redis.Redis], object]) -> None:
    cached.cache.ask(spoil)


LOSSES: dict[str, Callable[[redis.Redis], object]] = {
    "everything": lambda client: client.flushall(),
    "the marker": lambda client: client.hdel(PLAYERS, ""),
    "the players, evicted": lambda client: client.delete(PLAYERS),
    "the order, evicted": lambda client: client.delete(ORDER),
    "a member of the order": lambda client: client.zpopmin(ORDER),
    "a player": lambda client: client.hdel(PLAYERS, "b"),
    "the order, which is text now": lambda client: client.set(ORDER, "garbage"),
    "the players, which are text now": lambda client: client.set(PLAYERS, "garbage"),
    "the marker, which is another one": lambda client: client.hset(PLAYERS, "", "1:another server"),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
def test_a_damaged_ranking_is_not_used_and_is_rebuilt(
    built: CachedRankings, loss: Callable[[redis.Redis], object]
) -> None:
    garble(built, loss)
    assert built.all() is None
    assert built.rankings.around(TOP, PERIOD, "b", 1) is None
    built.put(Score("b", 9, 0, 2))
    assert built.all() is None
    assert built.rankings.missing([RANKING]) == [RANKING]
    built.build(SCORES)
    assert built.rankings.missing([RANKING]) == []
    assert built.all() == RankedPage(ranked(SCORES), 3)


def swap_for_garbage(client: redis.Redis) -> None:
    client.zpopmin(ORDER)
    client.zadd(ORDER, {b"\xff\xfe": 0})


def test_an_undecodable_member_is_a_miss_and_the_ranking_loses_its_marker(built: CachedRankings) -> None:
    garble(built, swap_for_garbage)
    assert built.all() is None
    assert built.rankings.missing([RANKING]) == [RANKING]


def test_a_member_that_is_too_long_is_not_returned_and_the_ranking_is_rebuilt(built: CachedRankings) -> None:
    endless = b"\x00" * 16 + b"x" * 10_000_000
    garble(built, lambda client: client.zpopmin(ORDER))
    garble(built, lambda client: client.zadd(ORDER, {endless: 0}))
    assert built.all() is None
    assert built.rankings.missing([RANKING]) == [RANKING]


def test_a_ranking_with_a_score_of_wrong_length_loses_its_marker(built: CachedRankings) -> None:
    garble(built, lambda client: client.hset(PLAYERS, "b", "short"))
    built.put(Score("b", 9, 0, 2))
    assert built.all() is None


def test_a_ranking_of_another_epoch_is_not_trusted(built: CachedRankings) -> None:
    built.set_epoch(2)
    assert built.all() is None
    assert built.rankings.missing([RANKING]) == [RANKING]


def test_without_an_epoch_no_ranking_is_trusted(built: CachedRankings) -> None:
    built.markers.set_known(IDENTITY, {})
    assert built.all() is None


def test_rankings_kept_by_a_restarted_server_are_not_trusted(own_valkey: EmbeddedValkey) -> None:
    with cached_rankings_on(own_valkey.url) as cached:
        cached.build(SCORES)
        with redis.Redis.from_url(own_valkey.url) as client:
            kept = {key: client.dump(key) for key in (ORDER, PLAYERS)}
        own_valkey.kill()
        own_valkey.start()
        with redis.Redis.from_url(own_valkey.url) as client:
            for key, value in kept.items():
                client.restore(key, 0, value)
        # The first reads may use broken connections. No read may return the rankings that were kept.
        for _ in range(5):
            assert cached.all() is None
            cached.cache.probe()
        assert cached.rankings.missing([RANKING]) == [RANKING]
        cached.build(SCORES)
        assert cached.all() == RankedPage(ranked(SCORES), 3)


def test_writers_that_know_another_epoch_still_store_their_scores(built: CachedRankings, redis_url: str) -> None:
    with cached_rankings_on(redis_url) as writer:
        writer.markers.set_known(IDENTITY, {})
        writer.put(Score("c", 9, 0, 2))
    assert built.all() == RankedPage(ranked([*SCORES[:2], Score("c", 9, 0, 2)]), 3)
