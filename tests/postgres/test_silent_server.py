"""Postgres accepts everything and answers nothing: calls end by their deadline, and recover when it answers again."""

from __future__ import annotations

import time

import pytest

from shared.domain.errors import ChallengeError, DatabaseUnavailable, DeadlineExceeded
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.goals import players
from tests.support.busy_machine import LATE_S
from tests.support.databases import opened, soon
from tests.support.proxy import proxy_to
from tests.support.waiting import wait_until


def read(database: Database, deadline: float) -> None:
    """Read something."""
    database.autocommit(lambda connection: players.read(connection, "player"), deadline)


def answers(database: Database) -> bool:
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
        deadline = soon(wait_s)
        with pytest.raises(DeadlineExceeded):
            read(database, deadline)
        assert 0 <= time.monotonic() - deadline < LATE_S
        proxy.thaw()


@pytest.mark.parametrize("at", ["statement", "commit"])
def test_a_transaction_ends_by_its_deadline(database_url: str, at: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=2) as database:
        read(database, soon())

        def work(connection: Connection) -> None:
            players.insert(connection, "player", "UTC", 0)
            proxy.freeze()
            if at == "statement":
                players.update_time_zone(connection, "player", "Europe/Paris")

        deadline = soon(0.4)
        with pytest.raises(DeadlineExceeded):
            database.transact(work, deadline)
        assert 0 <= time.monotonic() - deadline < LATE_S
        proxy.thaw()


def test_a_silent_server_is_not_reported_as_overload(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        read(database, soon())
        proxy.freeze()
        for _ in range(3):
            with pytest.raises((DeadlineExceeded, DatabaseUnavailable)):
                read(database, soon(0.2))
        proxy.thaw()


def test_reads_recover_when_the_server_answers_again(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=2) as database:
        read(database, soon())
        proxy.freeze()
        for _ in range(2):
            with pytest.raises(ChallengeError):
                read(database, soon(0.1))
        proxy.thaw()
        wait_until(lambda: answers(database))
        wait_until(lambda: answers(database))
