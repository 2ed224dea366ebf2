"""A Redis that trickles holds threads for no longer than one that is silent, and few of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import redis

from devstack.valkey import EmbeddedValkey
from shared.cache.errors import CacheUnavailable
from shared.cache.redis import FAILURES_MAX, TIMEOUT_S, TURN_TIMEOUT_S, WAITING_MAX, Cache
from tests.support.busy_machine import LATE_S
from tests.support.proxy import TcpProxy, proxy_to
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

BYTES = 100_000


class Slow(NamedTuple):
    """A cache behind a proxy."""

    cache: Cache
    proxy: TcpProxy


@pytest.fixture
def slow(own_valkey: EmbeddedValkey) -> Iterator[Slow]:
    with proxy_to(own_valkey.url) as (proxy, url):
        cache = Cache(url, connections_max=64)
        wait_until(lambda: cache.probe() is None)
        cache.ask(lambda client: client.set("long", b"x" * BYTES))
        yield Slow(cache, proxy)
        cache.close()


def read(cache: Cache) -> int:
    return len(cache.ask(lambda client: client.get("long")) or b"")


def test_a_trickling_reply_costs_no_more_than_the_time_limit(slow: Slow) -> None:
    assert read(slow.cache) == BYTES
    slow.proxy.trickle(0.01)
    for _ in range(FAILURES_MAX):
        started = unstalled_s()
        with pytest.raises(CacheUnavailable):
            read(slow.cache)
        assert unstalled_s() - started < TIMEOUT_S + LATE_S
    assert slow.cache.is_unavailable


def test_the_circuit_breaker_stays_open_while_replies_trickle(slow: Slow) -> None:
    slow.proxy.trickle(0.001)
    for _ in range(FAILURES_MAX):
        with pytest.raises(CacheUnavailable):
            read(slow.cache)
    assert slow.cache.probe() is not None
    assert slow.cache.is_unavailable
    assert slow.cache.problem == "unavailable"
    slow.proxy.trickle(0)
    wait_until(lambda: slow.cache.probe() is None)
    assert read(slow.cache) == BYTES


def test_a_trickling_greeting_costs_no_more_than_the_time_limit(own_valkey: EmbeddedValkey) -> None:
    with proxy_to(own_valkey.url) as (proxy, url):
        proxy.trickle(0.01)
        cache = Cache(url, connections_max=4)
        started = unstalled_s()
        assert cache.probe() is not None
        assert unstalled_s() - started < TIMEOUT_S + LATE_S
        cache.close()


def test_few_threads_wait_for_redis_at_once(slow: Slow) -> None:
    callers = 4 * WAITING_MAX
    slow.proxy.freeze()
    lock = threading.Lock()
    waiting: set[int] = set()
    waited_at_once = []

    def get(client: redis.Redis) -> object:
        with lock:
            waiting.add(threading.get_ident())
            waited_at_once.append(len(waiting))
        try:
            return client.get("long")
        finally:
            with lock:
                waiting.remove(threading.get_ident())

    def ask(_: int) -> str:
        try:
            slow.cache.ask(get)
        except CacheUnavailable as error:
            return str(error)
        return "read"

    started = unstalled_s()
    with ThreadPoolExecutor(callers) as threads:
        outcomes = list(threads.map(ask, range(callers)))
    assert unstalled_s() - started < TIMEOUT_S + TURN_TIMEOUT_S + LATE_S
    assert 0 < max(waited_at_once) <= WAITING_MAX
    assert "read" not in outcomes
    slow.proxy.thaw()
