"""The fixtures for databases and caches."""

from __future__ import annotations

import psycopg
import pytest
import redis

from tests.support.postgres_server import PostgresServer
from tests.support.waiting import wait_until


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_migrated_database_of_its_own(database_url: str, turn: int) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM player").fetchone() == (0,)
        connection.execute("CREATE TABLE mine AS SELECT %s::int AS turn", [turn])


def test_the_oldest_and_newest_supported_versions_are_available(either_database_url: str) -> None:
    with psycopg.connect(either_database_url) as connection:
        assert connection.info.server_version // 10_000 in (16, 18)
        assert connection.execute("SELECT count(*) FROM player").fetchone() == (0,)


def test_a_database_is_dropped_despite_open_connections(postgres_server: PostgresServer) -> None:
    with postgres_server.fresh_database() as url:
        lingering = psycopg.connect(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)
    lingering.close()


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_an_empty_cache(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("turn", turn)


def test_waiting_returns_the_first_true_value_and_fails_at_the_deadline() -> None:
    values = iter([0, None, 3])
    assert wait_until(lambda: next(values)) == 3
    with pytest.raises(AssertionError, match=r"condition not met after 0\.05 s; last value: \[\]"):
        wait_until(list, deadline_s=0.05)
