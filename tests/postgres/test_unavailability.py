"""Postgres is down, exhausted or read-only: callers are told in time, and calls recover by themselves."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from devstack.postgres import EmbeddedPostgres
from shared.domain.errors import ChallengeError, DatabaseUnavailable, Overloaded
from shared.postgres.connection import Connection
from shared.postgres.connection_lender import POOL_WAIT_MAX_S
from shared.postgres.database import Database
from shared.postgres.goals import players
from shared.postgres.transaction import IN_PROGRESS, status_of
from tests.support.busy_machine import LATE_S
from tests.support.databases import PATIENCE_S, connected, opened, soon
from tests.support.proxy import proxy_to
from tests.support.reserved_port import lasting_port
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until

AT_MOST_S = POOL_WAIT_MAX_S + LATE_S


def ask(connection: Connection) -> object:
    """Run a trivial query."""
    return connection.execute("SELECT 1").fetchone()


def replies(database: Database) -> bool:
    """Return whether the database responds."""
    try:
        return database.autocommit(ask, soon(0.5)) == (1,)
    except ChallengeError:
        return False


def test_callers_without_a_connection_are_told_of_overload(database_url: str) -> None:
    lent, give_back = threading.Event(), threading.Event()

    def hold(connection: Connection) -> object:
        lent.set()
        give_back.wait()
        return ask(connection)

    with opened(database_url, pool_size=1) as database:
        holder = threading.Thread(target=database.autocommit, args=(hold, soon()))
        assert database.autocommit(ask, soon()) == (1,)
        holder.start()
        lent.wait()
        started, deadline = unstalled_s(), soon(0.2)
        with pytest.raises(Overloaded) as refusal:
            database.autocommit(ask, deadline)
        assert unstalled_s() - started < 0.2 + LATE_S
        assert refusal.value.retry_after_s > 0
        give_back.set()
        holder.join()
        assert database.autocommit(ask, soon()) == (1,)


def test_an_unreachable_server_is_unavailable() -> None:
    with opened(f"postgresql://nobody@127.0.0.1:{lasting_port()}/nothing", pool_size=1) as database:
        started = unstalled_s()
        with pytest.raises(DatabaseUnavailable):
            database.autocommit(ask, soon())
        assert unstalled_s() - started < AT_MOST_S


def test_a_lost_server_is_unavailable_until_it_is_back(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=2) as database:
        assert database.autocommit(ask, soon()) == (1,)
        proxy.refuse(True)
        proxy.cut()
        for patience_s in (0.3, PATIENCE_S):
            started = unstalled_s()
            with pytest.raises(DatabaseUnavailable) as refusal:
                database.autocommit(ask, soon(patience_s))
            assert unstalled_s() - started < AT_MOST_S
            assert refusal.value.retry_after_s > 0
        proxy.refuse(False)
        wait_until(lambda: replies(database))


def test_a_read_only_database_is_unavailable_to_writers(database_url: str) -> None:
    name = sql.Identifier(urlsplit(database_url).path.lstrip("/"))

    def write(user_id: str) -> bool:
        return database.transact(lambda connection: players.insert(connection, user_id, (), 0), soon())

    with psycopg.connect(database_url, autocommit=True) as administrator:
        administrator.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
        with opened(database_url, pool_size=1) as database, pytest.raises(DatabaseUnavailable):
            write("one")
        administrator.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
    with opened(database_url, pool_size=1) as database:
        assert write("one")


def test_a_crashed_server_is_used_again_after_restart(own_postgres: EmbeddedPostgres) -> None:
    with opened(own_postgres.url, pool_size=2) as database:
        assert database.autocommit(ask, soon()) == (1,)
        own_postgres.kill()
        with pytest.raises(DatabaseUnavailable):
            database.autocommit(ask, soon())
        own_postgres.start()
        wait_until(lambda: replies(database))


def test_a_transaction_unknown_to_a_restarted_server_is_over(own_postgres: EmbeddedPostgres) -> None:
    with connected(own_postgres.url) as lost:
        lost.execute("BEGIN")
        row = lost.execute("SELECT pg_current_xact_id()::text").fetchone()
        assert row is not None
        own_postgres.kill()
        lost.close()
    own_postgres.start()
    with connected(own_postgres.url) as connection:
        assert status_of(connection, int(row[0])) != IN_PROGRESS
        assert status_of(connection, int(row[0]) + 1_000_000) is None


def test_a_lock_timeout_is_not_called_an_outage(database_url: str) -> None:
    def wait_for_lock(connection: Connection) -> object:
        connection.execute("SELECT set_config('lock_timeout', '10ms', true)")
        return connection.execute("SELECT * FROM player").fetchall()

    with connected(database_url) as other, opened(database_url) as database, other.transaction():
        other.execute("LOCK TABLE player IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailable, match="held a lock for too long") as raised:
            database.transact(wait_for_lock, soon())
        assert raised.value.retry_after_s > 0
        assert not database.refused, "the database is not suspected of refusing writes"
