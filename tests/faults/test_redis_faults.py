"""Redis is stopped, hangs, is emptied or holds garbage: callers do not notice, and rankings recover by themselves.

Services with Redis and services without it work side by side on one database, so what Redis costs is measured against
what the machine is like at that very moment.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from challenge.v1.event_service_pb2 import ReportEventRequest

from admin.leaderboard_access import LeaderboardAccess, count_players, leaderboard_access
from devstack.valkey import EmbeddedValkey
from shared.cache.redis import FAILURES_MAX, Cache
from shared.domain.catalogue import Catalogue
from shared.operations.leaderboards.ranking_check import RankingCheck
from shared.runtime.health import PROBE_INTERVAL_S
from tests.catalogue.documents import loaded, write_json
from tests.faults.redis_load import CALLERS, DOCUMENT, Load, Side
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.databases import opened
from tests.support.event_messages import stat
from tests.support.proxy import TcpProxy, proxy_to
from tests.support.service_process import serving
from tests.support.services import rows
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

FAULT_S = float(os.environ.get("FAULT_S", "2"))
"""Duration of each fault in seconds, after its first second."""
FIRST_S = 1.0
"""Time in seconds after the start of a fault within which the breaker opens."""
FIRST_CALLS_MS = 200.0
BREAKER_OPEN_MS = 1.0
"""Latencies that Redis may cost, checked only on an idle machine: `BUSY_FACTOR=1`."""
CALLS = 200
"""Calls before, during and after a fault."""
MODULES = ("event_handler", "challenge_service")
FIRST_QUESTIONS_MAX = len(MODULES) * (FAILURES_MAX + CALLERS + 6)
"""Questions to a silent Redis until it is given up: in each process two failures, and what callers, duties, the writer
of scores and the probe ask at the same time."""
HEALED_S = 60.0


class Rankings:
    """All rankings in Redis, read independently of the services."""

    def __init__(self, database_url: str, redis_url: str, catalogue: Catalogue) -> None:
        self._database_url = database_url
        self._redis_url = redis_url
        self._catalogue = catalogue

    def agree(self) -> bool:
        """Return whether Redis has every ranking, with all players and scores of the database."""
        cache = Cache(self._redis_url, connections_max=2)
        try:
            with opened(self._database_url, pool_size=1) as database:
                return cache.probe() is None and self._agree(leaderboard_access(database, self._catalogue, cache))
        finally:
            cache.close()

    def _agree(self, access: LeaderboardAccess) -> bool:
        check = RankingCheck(access.database, lambda: self._catalogue, access.boards, random.Random(), lambda _: None)
        for ranking in access.open_rankings():
            checked = check.compare_all(self._catalogue.leaderboard_by_id[ranking.board_id], ranking)
            if checked is None or checked.differences or checked.compared != count_players(access.database, ranking):
                return False
        return True


class Ground:
    """Both sides, the proxy to Redis, and the ways to make Redis fail."""

    def __init__(self, valkey: EmbeddedValkey, proxy: TcpProxy, load: Load, rankings: Rankings) -> None:
        self.valkey = valkey
        self.proxy = proxy
        self.load = load
        self.rankings = rankings

    def stop(self) -> None:
        self.valkey.kill()
        self.proxy.refuse(True)
        self.proxy.cut()

    def start(self) -> None:
        self.valkey.start()
        self.proxy.refuse(False)

    def empty(self) -> None:
        with redis.Redis.from_url(self.valkey.url) as client:
            client.flushall()

    def spoil(self) -> None:
        """Write values that no service writes, into every key and of every type."""
        with redis.Redis.from_url(self.valkey.url) as client:
            for number, order in enumerate(sorted(client.scan_iter("challenge:*:order"))):
                players = order.removesuffix(b"order") + b"players"
                match number % 3:
                    case 0:
                        client.set(order, "garbage")
                    case 1:
                        members = client.zrange(order, 0, -1)
                        client.delete(order)
                        client.zadd(order, dict.fromkeys([member[:-4] for member in members], 0))
                    case _:
                        client.hset(players, mapping=dict.fromkeys(client.hkeys(players)[1:], b"garbage"))


@pytest.fixture
def catalogue_file(tmp_path: Path) -> str:
    """Return the catalogue file of both sides."""
    return str(write_json(tmp_path / "catalogue.json", DOCUMENT))


@pytest.fixture
def ground(database_url: str, own_valkey: EmbeddedValkey, catalogue_file: str) -> Iterator[Ground]:
    """Yield both sides once their services serve and all rankings are in Redis."""
    with proxy_to(own_valkey.url) as (proxy, url_through_proxy), ExitStack() as processes:

        def side(name: str, redis_url: str) -> Side:
            settings = {"CATALOGUE": catalogue_file, "REDIS_URL": redis_url}
            handler, challenges = (
                processes.enter_context(serving(module, database_url, **settings)) for module in MODULES
            )
            return Side(name, handler, challenges)

        load = Load(side("with Redis", url_through_proxy), side("without", ""))
        rankings = Rankings(database_url, own_valkey.url, loaded(DOCUMENT))
        wait_until(rankings.agree, HEALED_S)
        wait_until(lambda: rows(database_url, "SELECT FROM ranking_state WHERE fresh_at IS NOT NULL"), HEALED_S)
        yield Ground(own_valkey, proxy, load, rankings)


@pytest.mark.parametrize("fault", ["stopped", "silent", "emptied", "spoilt"])
def test_responses_are_right_and_in_time_and_rankings_recover(ground: Ground, fault: str) -> None:
    begin: dict[str, Callable[[], None]] = {
        "stopped": ground.stop,
        "silent": ground.proxy.freeze,
        "emptied": ground.empty,
        "spoilt": ground.spoil,
    }
    end: dict[str, Callable[[], None]] = {"stopped": ground.start, "silent": ground.proxy.thaw}
    load = ground.load
    with_redis = load.sides[0]
    with load.running():
        wait_until(lambda: load.count() > CALLS, HEALED_S)
        began, received = time.monotonic(), ground.proxy.received
        begin[fault]()
        if fault in end:
            wait_until(with_redis.redis_is_away, HEALED_S)
        asked_first = ground.proxy.received - received
        wait_until(lambda: time.monotonic() > began + FIRST_S, HEALED_S)
        since, received, calls = time.monotonic(), ground.proxy.received, load.count()
        wait_until(lambda: time.monotonic() > began + FIRST_S + FAULT_S and load.count() > calls + CALLS, HEALED_S)
        asked_later, ended = ground.proxy.received - received, time.monotonic()
        stays_away = with_redis.redis_is_away()
        end.get(fault, lambda: None)()
        calls = load.count()
        wait_until(lambda: load.count() > calls + CALLS, HEALED_S)
    settling = time.monotonic()
    wait_until(ground.rankings.agree, HEALED_S)
    healed_s = time.monotonic() - settling
    problems = load.problems()
    first_ms = load.slowest_ms(began, began + FIRST_S)
    usual_ms = load.usual_ms(began + FIRST_S, ended)
    medians = ", ".join(f"{kind} {one:.2f} and {other:.2f} ms" for kind, (one, other) in usual_ms.items())
    print(  # noqa: T201
        f"\nRedis {fault} for {ended - began:.0f} s: {load.count()} calls, {len(problems)} failed or wrong; asked "
        f"{asked_first} times before it was given up, {asked_later} times afterwards; the "
        f"slowest call of the first second took {first_ms:.0f} ms more than usual; medians after it, with Redis and "
        f"without: {medians}; rankings complete, 0 differences, {healed_s:.1f} s after the last call"
    )
    assert problems == []
    if fault in end:
        # Each question that gets no reply costs its caller a tenth of a second: few are asked, and then only by probes.
        assert asked_first <= FIRST_QUESTIONS_MAX
        assert asked_later <= len(MODULES) * (1 + (ended - since) / PROBE_INTERVAL_S)
        assert stays_away
    if BUSY_FACTOR > 1:
        return
    assert first_ms < FIRST_CALLS_MS
    if fault in end:
        # Redis is not called. Where it responds, its work for rankings takes time, too.
        for one, other in usual_ms.values():
            assert one - other < BREAKER_OPEN_MS


def test_scores_that_a_killed_handler_did_not_write_to_redis_are_repaired(ground: Ground, database_url: str) -> None:
    handler = ground.load.sides[0].handler
    # No command reaches Redis between the commit and the kill.
    ground.proxy.freeze()
    for number in range(20):
        event = stat("points", f"player {number}", delta=1 + number, at=time.time_ns() // 1_000)
        handler.events.ReportEvent(ReportEventRequest(event=event))
    handler.kill()
    waiting = rows(database_url, "SELECT count(*) FROM leaderboard_journal")[0][0]
    ground.proxy.thaw()
    thawed = time.monotonic()
    assert waiting > 0
    assert not ground.rankings.agree()
    wait_until(ground.rankings.agree, HEALED_S)
    repaired_s = time.monotonic() - thawed
    assert rows(database_url, "SELECT count(*) FROM leaderboard_journal") == [(0,)]
    print(f"\nkilled between commit and Redis: {waiting} entries left, repaired within {repaired_s:.1f} s")  # noqa: T201
