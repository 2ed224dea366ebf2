"""Postgres accepts everything and sends nothing: calls end by their deadline, and recover when it responds again."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded
from shared.domain.player_zones import NamedZone
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import player_zones, players
from shared.postgres.silence import SILENT_S
from tests.support.busy_machine import LATE_S
from tests.support.databases import opened, soon
from tests.support.proxy import proxy_to
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until


def read(database: Database, deadline: float) -> None:
    """Read something."""
    database.autocommit(lambda connection: players.read(connection, "player"), deadline)


def replies(database: Database) -> bool:
    """Return whether a read succeeds."""
    try:
        read(database, soon(0.5))
    except ChallengeError:
        return False
    return True


@pytest.mark.parametrize("wait_s", [0.05, 0.4])
def test_a_read_ends_by_its_deadline(database_url: str, wait_s: float) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        read(database, soon())
        proxy.freeze()
        started, deadline = unstalled_s(), soon(wait_s)
        with pytest.raises(DeadlineExceeded):
            read(database, deadline)
        assert time.monotonic() >= deadline
        assert unstalled_s() - started < wait_s + LATE_S
        proxy.thaw()


@pytest.mark.parametrize("at", ["statement", "commit"])
def test_a_transaction_ends_by_its_deadline(database_url: str, at: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=2) as database:
        read(database, soon())

        def work(connection: Connection) -> None:
            players.insert(connection, "player", (), 0)
            proxy.freeze()
            if at == "statement":
                player_zones.store_zones(connection, "player", (NamedZone(0, "Europe/Paris"),))

        started, deadline = unstalled_s(), soon(0.4)
        with pytest.raises(DeadlineExceeded):
            database.transact(work, deadline)
        assert time.monotonic() >= deadline
        assert unstalled_s() - started < 0.4 + LATE_S
        proxy.thaw()


def test_a_silent_server_is_not_reported_as_overload(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        read(database, soon())
        proxy.freeze()
        for _ in range(3):
            with pytest.raises((DeadlineExceeded, DatabaseUnavailable)):
                read(database, soon(0.2))
        proxy.thaw()


def test_reads_recover_when_the_server_responds_again(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=2) as database:
        read(database, soon())
        proxy.freeze()
        for _ in range(2):
            with pytest.raises(ChallengeError):
                read(database, soon(0.1))
        proxy.thaw()
        wait_until(lambda: replies(database))
        wait_until(lambda: replies(database))


def test_a_stopping_process_gives_up_on_a_silent_server(database_url: str) -> None:
    with (
        proxy_to(database_url) as (proxy, url),
        opened(url, pool_size=2) as database,
        ThreadPoolExecutor(1) as threads,
    ):
        read(database, soon())
        proxy.freeze()
        patient = threads.submit(read, database, soon(60))
        stopped = time.monotonic()
        database.begin_stop()
        with pytest.raises(ChallengeError):
            patient.result(SILENT_S + 10 * LATE_S)
        assert time.monotonic() - stopped >= SILENT_S
        refused = unstalled_s()
        with pytest.raises(DatabaseUnavailable):
            read(database, soon(60))
        assert unstalled_s() - refused < LATE_S
        proxy.thaw()


def test_a_stopping_process_gives_up_on_a_server_to_which_no_connection_is_left(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        read(database, soon())
        proxy.refuse(True)
        proxy.cut()
        database.begin_stop()
        wait_until(lambda: not replies(database))
        stopped = time.monotonic()
        wait_until(lambda: not replies(database) and time.monotonic() - stopped > SILENT_S + LATE_S)
        refused = unstalled_s()
        with pytest.raises(DatabaseUnavailable):
            read(database, soon(60))
        assert unstalled_s() - refused < LATE_S


def test_a_stopping_process_waits_for_a_lock_while_the_server_responds_to_others(database_url: str) -> None:
    def lock(connection: Connection) -> None:
        connection.run_script(b"SELECT pg_advisory_xact_lock(1)")

    with opened(database_url, pool_size=3) as database, ThreadPoolExecutor(2) as threads:

        def hold(connection: Connection) -> None:
            lock(connection)
            waiting = threads.submit(database.transact, lock, soon(60))
            began = time.monotonic()
            database.begin_stop()
            wait_until(lambda: replies(database) and time.monotonic() - began > SILENT_S + LATE_S)
            assert not waiting.done()
            waits.append(waiting)

        waits: list[Future[None]] = []
        database.transact(hold, soon(60))
        waits[0].result(60)
