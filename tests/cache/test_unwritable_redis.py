"""A Redis that cannot be written is reported with the reason, by the probe and by a metric."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from devstack.valkey import EmbeddedValkey
from shared.cache.redis import PROBLEMS
from shared.domain.leaderboard import RankedPage
from shared.domain.scores import Score
from tests.cache.cached_rankings import CachedRankings, cached_rankings_on, ranked
from tests.support.waiting import wait_until

SCORES = [Score("a", 1, 0, 1)]


@pytest.fixture
def own(own_valkey: EmbeddedValkey) -> Iterator[CachedRankings]:
    """Yield rankings in a Valkey of the test's own."""
    with cached_rankings_on(own_valkey.url) as opened:
        opened.build(SCORES)
        yield opened


def shown(cached: CachedRankings) -> set[str]:
    """Return the problems that the metric shows."""
    registry = cached.telemetry.registry
    return {reason for reason in PROBLEMS if registry.get_sample_value("cache_problem", {"reason": reason}) == 1}


def test_a_full_redis_is_reported_until_it_has_room(own: CachedRankings, own_valkey: EmbeddedValkey) -> None:
    assert own.cache.probe() is None
    assert shown(own) == set()
    with redis.Redis.from_url(own_valkey.url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        problem = own.cache.probe()
        assert problem is not None
        assert "full" in problem
        assert shown(own) == {"full"}
        client.config_set("maxmemory", "0")
    wait_until(lambda: own.cache.probe() is None)
    assert shown(own) == set()


def test_a_read_only_replica_is_reported(own: CachedRankings, own_valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        client.replicaof("127.0.0.1", "1")
        problem = own.cache.probe()
        assert problem is not None
        assert "read-only replica" in problem
        assert shown(own) == {"read_only"}
        client.replicaof("NO", "ONE")
    wait_until(lambda: own.cache.probe() is None)


def test_a_server_that_is_gone_is_reported(own: CachedRankings, own_valkey: EmbeddedValkey) -> None:
    own_valkey.kill()
    wait_until(lambda: own.cache.probe() is not None)
    assert shown(own) == {"unavailable"}


def test_a_blocked_redis_is_not_used_and_reported_with_the_reason(own: CachedRankings) -> None:
    own.cache.block("REDIS_PREFIX is wrong")
    assert own.all() is None
    assert own.cache.probe() == "REDIS_PREFIX is wrong"
    assert shown(own) == {"misconfigured"}
    own.cache.block(None)
    assert own.cache.probe() is None
    assert own.all() == RankedPage(ranked(SCORES), 1)
