"""A dead Redis costs the first calls a tenth of a second each, and later calls nothing."""

from __future__ import annotations

import pytest
import redis

from devstack.ports import LOOPBACK
from devstack.valkey import EmbeddedValkey
from shared.cache.errors import CacheRefused, CacheUnavailable
from shared.cache.redis import FAILURES_MAX, TIMEOUT_S, Cache
from tests.cache.cached_rankings import RANKING
from tests.support.busy_machine import LATE_S
from tests.support.proxy import proxy_to
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until


@pytest.fixture
def cache(own_valkey: EmbeddedValkey) -> Cache:
    return Cache(own_valkey.url, connections_max=4)


def ping(cache: Cache) -> bool:
    return bool(cache.ask(lambda client: client.ping()))


def test_a_stopped_redis_is_not_asked_until_a_probe_succeeds(own_valkey: EmbeddedValkey, cache: Cache) -> None:
    wait_until(lambda: cache.probe() is None)
    own_valkey.kill()
    for _ in range(FAILURES_MAX):
        with pytest.raises(CacheUnavailable):
            ping(cache)
    assert cache.is_unavailable
    own_valkey.start()
    # Whatever asked it would succeed.
    for _ in range(1_000):
        with pytest.raises(CacheUnavailable):
            ping(cache)
    wait_until(lambda: cache.probe() is None)
    assert ping(cache)
    cache.close()


def test_a_refusal_ends_an_outage(own_valkey: EmbeddedValkey, cache: Cache) -> None:
    wait_until(lambda: cache.probe() is None)
    own_valkey.kill()
    for _ in range(FAILURES_MAX):
        assert cache.probe() is not None
    own_valkey.start()
    with redis.Redis.from_url(own_valkey.url) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
    wait_until(lambda: "full" in (cache.probe() or ""))
    assert ping(cache), "what it has can be read"
    cache.close()


def test_a_silent_redis_costs_no_more_than_its_timeout(own_valkey: EmbeddedValkey) -> None:
    with proxy_to(own_valkey.url) as (proxy, url):
        cache = Cache(url, connections_max=4)
        wait_until(lambda: cache.probe() is None)
        proxy.freeze()
        for _ in range(FAILURES_MAX):
            started = unstalled_s()
            with pytest.raises(CacheUnavailable):
                ping(cache)
            assert unstalled_s() - started < TIMEOUT_S + LATE_S
        assert cache.is_unavailable
        assert cache.probe() is not None
        proxy.thaw()
        cache.close()


def test_an_error_reply_does_not_open_the_circuit_breaker(redis_url: str) -> None:
    cache = Cache(redis_url, connections_max=4)
    cache.ask(lambda client: client.set("text", "text"))
    for _ in range(2 * FAILURES_MAX):
        with pytest.raises(CacheRefused):
            cache.ask(lambda client: client.hget("text", "field"))
    assert not cache.is_unavailable
    cache.close()


def test_the_run_id_changes_with_each_start_of_a_server(own_valkey: EmbeddedValkey, cache: Cache) -> None:
    assert cache.run_id_of(RANKING) is None
    wait_until(lambda: cache.probe() is None)
    first = cache.run_id_of(RANKING)
    with redis.Redis.from_url(own_valkey.url) as client:
        assert first == client.info("server")["run_id"]
    own_valkey.kill()
    own_valkey.start()
    wait_until(lambda: cache.probe() is None)
    assert cache.run_id_of(RANKING) not in (None, first)
    cache.close()


def test_the_run_id_changes_when_a_server_takes_over_again(own_valkey: EmbeddedValkey, cache: Cache) -> None:
    wait_until(lambda: cache.probe() is None)
    first = cache.run_id_of(RANKING)
    with redis.Redis.from_url(own_valkey.url) as client:
        client.execute_command("REPLICAOF", LOOPBACK, 1)
        wait_until(lambda: "replica" in (cache.probe() or ""))
        client.execute_command("REPLICAOF", "NO", "ONE")
    wait_until(lambda: cache.probe() is None)
    second = cache.run_id_of(RANKING)
    assert second not in (None, first)
    # Other connections, and other processes, say the same.
    other = Cache(own_valkey.url, connections_max=1)
    assert ping(other)
    assert other.run_id_of(RANKING) == second
    other.close()
    cache.close()


def test_a_database_that_redis_does_not_have_is_named_and_not_asked_again(redis_url: str) -> None:
    cache = Cache(f"{redis_url.rpartition('/')[0]}/99", connections_max=2)
    for _ in range(FAILURES_MAX):
        assert cache.probe() == "Redis refuses the database 99 that REDIS_URL names: DB index is out of range"
    assert cache.problem == "misconfigured"
    assert cache.is_unavailable
    cache.close()


def test_another_database_than_the_first_is_used(redis_url: str) -> None:
    cache = Cache(f"{redis_url.rpartition('/')[0]}/7", connections_max=2)
    cache.ask(lambda client: client.set("here", "1"))
    cache.close()
    with redis.Redis.from_url(f"{redis_url.rpartition('/')[0]}/7") as client:
        assert client.delete("here") == 1
