"""Rankings in a cluster and behind Sentinels: what is lost is not trusted, and nothing waits for a lost node."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from devstack.ports import LOOPBACK
from devstack.valkey import EmbeddedValkey
from shared.cache.errors import CacheUnavailable
from shared.cache.keys import hash_tag
from shared.cache.redis import FAILURES_MAX, TIMEOUT_S, Cache
from shared.domain.leaderboard import RankedPage
from shared.domain.scores import RankingKey, Score
from tests.cache.cached_rankings import PERIOD, TOP, CachedRankings, cached_rankings_on, ranked
from tests.support.busy_machine import LATE_S
from tests.support.certificates import Authority
from tests.support.stopped_process import paused
from tests.support.tls_front import tls_front
from tests.support.unstalled_clock import unstalled_s
from tests.support.valkey_cluster import ValkeyCluster, valkey_cluster, watched_by_sentinel
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

SCORES = [Score("a", 1, 0, 1), Score("b", 2, 0, 2)]
BOARDS = [replace(TOP, id=f"board {number}") for number in range(12)]
EXPECTED = RankedPage(ranked(SCORES), 2)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a server as long as a slow machine takes."""
    monkeypatch.setattr("shared.cache.redis.TIMEOUT_S", 5.0)
    monkeypatch.setattr("shared.cache.redis.DUTY_TIMEOUT_S", 5.0)


@contextmanager
def boards_on(url: str) -> Iterator[CachedRankings]:
    """Build several rankings at an address."""
    with cached_rankings_on(url) as cached:
        cached.markers.set_known(cached.identity, {board.id: 1 for board in BOARDS})
        for board in BOARDS:
            cached.build(SCORES, board)
        yield cached


def trusted(cached: CachedRankings) -> set[str]:
    """Return the rankings that are read from Redis."""
    found = {board.id: cached.all(board) for board in BOARDS}
    assert all(page in (None, EXPECTED) for page in found.values())
    return {board_id for board_id, page in found.items() if page is not None}


def on_node(cluster: ValkeyCluster, node: EmbeddedValkey) -> set[str]:
    """Return the rankings whose slots a primary had at first."""
    return {board.id for board in BOARDS if cluster.node_of(hash_tag(RankingKey(board.id, PERIOD))) is node}


def test_rankings_lie_on_all_nodes_and_a_lost_one_costs_its_own_alone(tmp_path: Path) -> None:
    everything = {board.id for board in BOARDS}
    with valkey_cluster(tmp_path, replicas=1) as cluster, boards_on(cluster.url) as cached:
        assert trusted(cached) == everything
        assert all(on_node(cluster, node) for node in cluster.nodes[:3])
        lost = on_node(cluster, cluster.nodes[0])
        cluster.nodes[0].kill()
        for _ in range(FAILURES_MAX):
            assert cached.cache.probe() is not None
        assert trusted(cached) == set(), "the cluster is not asked"
        # The replica takes over. What it has may lack the newest scores.
        wait_until(lambda: cached.cache.probe() is None)
        assert trusted(cached) == everything - lost
        rankings = [RankingKey(board.id, PERIOD) for board in BOARDS]
        assert {ranking.board_id for ranking in cached.rankings.missing(rankings)} == lost
        for board in BOARDS:
            if board.id in lost:
                cached.build(SCORES, board)
        assert trusted(cached) == everything


def test_a_silent_node_costs_no_more_than_the_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with valkey_cluster(tmp_path) as cluster, boards_on(cluster.url) as cached:
        monkeypatch.setattr("shared.cache.redis.TIMEOUT_S", TIMEOUT_S)
        board = next(board for board in BOARDS if board.id in on_node(cluster, cluster.nodes[1]))
        with paused(cluster.nodes[1]):
            for _ in range(FAILURES_MAX):
                started = unstalled_s()
                assert cached.all(board) is None
                assert unstalled_s() - started < 2 * TIMEOUT_S + LATE_S
            wait_until(lambda: cached.cache.probe() is not None)
            assert cached.cache.is_unavailable
        monkeypatch.setattr("shared.cache.redis.TIMEOUT_S", 5.0)
        wait_until(lambda: cached.cache.probe() is None)
        assert trusted(cached) == {board.id for board in BOARDS}


def test_a_full_node_does_not_hide_a_lost_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with valkey_cluster(tmp_path) as cluster, closing(Cache(cluster.url, connections_max=4)) as cache:
        wait_until(lambda: cache.probe() is None)
        names = cache.ask(lambda client: list(cache.nodes(client)))
        full, lost = (next(node for node in cluster.nodes if name in node.url) for name in (names[0], names[-1]))
        with redis.Redis.from_url(full.url) as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")
            assert "full" in (cache.probe() or "")
            monkeypatch.setattr("shared.cache.redis.TIMEOUT_S", TIMEOUT_S)
            with paused(lost):
                assert cache.probe() is not None
                assert cache.problem == "unavailable"


def test_servers_are_not_taken_for_what_the_address_says(tmp_path: Path, own_valkey: EmbeddedValkey) -> None:
    with valkey_cluster(tmp_path) as cluster, watched_by_sentinel(tmp_path / "watched") as watched:
        for url, problem in (
            (cluster.nodes[0].url, "Redis is a node of a cluster: REDIS_URL must begin with redis+cluster://"),
            (own_valkey.url.replace("redis:", "redis+cluster:"), "Redis is no cluster (standalone)"),
            (f"redis://{LOOPBACK}:{watched.sentinel.port}", "Redis is a Sentinel: REDIS_URL must be redis+sentinel:"),
        ):
            with closing(Cache(url, connections_max=2)) as cache:
                found = [cache.probe() for _ in range(FAILURES_MAX)][-1]
                assert found is not None
                assert found.startswith(problem)
                assert cache.problem == "misconfigured"
                assert cache.is_unavailable


@pytest.mark.parametrize("read_only", ["yes", "no"])
def test_a_replica_is_recognised_even_if_it_accepts_writes(tmp_path: Path, read_only: str) -> None:
    with watched_by_sentinel(tmp_path) as watched, closing(Cache(watched.replica.url, connections_max=2)) as cache:
        with redis.Redis.from_url(watched.replica.url) as client:
            client.config_set("replica-read-only", read_only)
        assert "replica" in (cache.probe() or "")
        assert cache.problem == "read_only"
        with pytest.raises(CacheUnavailable):
            cache.ask(lambda client: client.ping())
        watched.primary.kill()
        wait_until(lambda: cache.probe() is None)
        assert cache.ask(lambda client: client.ping())


def test_sentinels_lead_to_the_new_primary(tmp_path: Path) -> None:
    with watched_by_sentinel(tmp_path) as watched, boards_on(watched.sentinel.url) as cached:
        assert trusted(cached) == {board.id for board in BOARDS}
        watched.primary.kill()
        wait_until(lambda: cached.cache.probe() is not None)
        wait_until(lambda: cached.cache.probe() is None)
        assert trusted(cached) == set(), "what a replica has may lack the newest scores"
        for board in BOARDS:
            cached.build(SCORES, board)
        assert trusted(cached) == {board.id for board in BOARDS}
        with redis.Redis.from_url(watched.replica.url) as client:
            assert client.dbsize() > 0


USER = "user boards on >secret ~challenge:* -@all +@read +@write +@scripting +@connection +info +cluster|slots"


def test_a_user_needs_few_rights(tmp_path: Path) -> None:
    with valkey_cluster(tmp_path, settings=(USER,)) as cluster:
        url = f"redis+cluster://boards:secret@{cluster.url.rpartition('@')[2]}"
        with boards_on(url) as cached:
            assert trusted(cached) == {board.id for board in BOARDS}
        with closing(Cache(url.replace("secret", "wrong"), connections_max=2)) as cache:
            assert cache.probe() == "Redis does not respond: AuthenticationError"


def test_nodes_of_a_cluster_speak_tls(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path)
    files = authority.files(LOOPBACK)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.private_key)
    with valkey_cluster(tmp_path) as cluster, ExitStack() as fronts:
        ports = [fronts.enter_context(tls_front(node.port, context)) for node in cluster.nodes]
        for node, port in zip(cluster.nodes, ports, strict=True):
            with redis.Redis.from_url(node.url) as client:
                client.config_set("cluster-announce-port", port)
        wait_until(lambda: all(_announced(node) == set(ports) for node in cluster.nodes))
        password = cluster.url.partition("//:")[2].partition("@")[0]
        url = f"rediss+cluster://:{password}@{LOOPBACK}:{ports[0]}"
        with boards_on(f"{url}?ssl_ca_certs={authority.certificate}") as cached:
            assert trusted(cached) == {board.id for board in BOARDS}
        with closing(Cache(f"{url}?ssl_ca_certs={stranger.certificate}", connections_max=2)) as cache:
            assert cache.probe() is not None


def _announced(node: EmbeddedValkey) -> set[int]:
    with redis.Redis.from_url(node.url) as client:
        return {int(primary[1]) for _, _, primary in client.execute_command("CLUSTER SLOTS")}
