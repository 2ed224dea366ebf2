"""Work whose connection is lost before COMMIT is done again, and counts once."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from shared.domain.errors import DatabaseUnavailable, DeadlineExceeded
from shared.domain.tally import Tally, TallyKey
from shared.postgres.connection import Connection
from shared.postgres.database import CONFLICT_ATTEMPTS_MAX, Database
from shared.postgres.events import tallies
from shared.postgres.goals import players
from shared.postgres.sqlstates import ContentRefused
from tests.support.busy_machine import LATE_S
from tests.support.databases import opened, soon
from tests.support.proxy import proxy_to
from tests.support.strategies import KILLS

KEY = TallyKey("player", KILLS)
OTHER_KEY = TallyKey("rival", KILLS)


def add_one(connection: Connection, key: TallyKey = KEY) -> int:
    """Count an event, and answer how many there are."""
    (merged,) = tallies.merge(connection, {key: Tally(events=1)})
    return merged.after.events


def count_of(database: Database, key: TallyKey = KEY) -> int:
    """How many events are stored."""
    view = database.autocommit(lambda connection: players.read(connection, key.user_id), soon()).view
    return view.tallies[key.stat].measures.events if key.stat in view.tallies else 0


def test_work_on_a_connection_that_is_cut_is_done_again(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=2) as database:
        attempts: list[Connection] = []

        def work(connection: Connection) -> int:
            add_one(connection)
            if not attempts:
                proxy.cut()
            attempts.append(connection)
            return add_one(connection)

        assert database.transact(work, soon()) == 2
        assert len(attempts) == 2
        assert count_of(database) == 2


def test_work_on_a_backend_that_is_terminated_is_done_again(database_url: str) -> None:
    with opened(database_url, pool_size=2) as database:
        attempts = []

        def work(connection: Connection) -> int:
            attempts.append(connection)
            added = add_one(connection)
            if len(attempts) == 1:
                connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            return added

        assert database.transact(work, soon()) == 1
        assert len(attempts) == 2
        assert count_of(database) == 1


def test_a_read_on_a_connection_that_went_away_meanwhile_is_done_again(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=2) as database:
        assert count_of(database) == 0
        proxy.cut()
        assert count_of(database) == 0


def test_work_that_always_loses_its_connection_ends_by_its_deadline(database_url: str) -> None:
    def work(connection: Connection) -> None:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with opened(database_url, pool_size=1) as database:
        deadline = soon(0.5)
        with pytest.raises((DatabaseUnavailable, DeadlineExceeded)):
            database.transact(work, deadline)
        assert time.monotonic() - deadline < LATE_S


def test_the_victim_of_a_deadlock_is_done_again(database_url: str) -> None:
    both_hold_one = threading.Barrier(2)
    attempts: list[TallyKey] = []

    def crossing(first: TallyKey, second: TallyKey) -> None:
        def work(connection: Connection) -> None:
            add_one(connection, first)
            attempts.append(first)
            if attempts.count(first) == 1:
                both_hold_one.wait()
            add_one(connection, second)

        database.transact(work, soon())

    with opened(database_url, pool_size=2) as database:
        one = threading.Thread(target=crossing, args=(KEY, OTHER_KEY))
        one.start()
        crossing(OTHER_KEY, KEY)
        one.join()
        assert len(attempts) == 3
        assert count_of(database, KEY) == count_of(database, OTHER_KEY) == 2


def test_conflicts_without_end_are_given_up(database_url: str) -> None:
    attempts = []

    def work(connection: Connection) -> None:
        attempts.append(connection)
        add_one(connection)
        connection.execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$")

    with opened(database_url, pool_size=1) as database:
        with pytest.raises(DatabaseUnavailable):
            database.transact(work, soon())
        assert len(attempts) == CONFLICT_ATTEMPTS_MAX
        assert count_of(database) == 0


def test_values_that_are_refused_are_not_tried_again(database_url: str) -> None:
    attempts = []

    def work(connection: Connection) -> None:
        attempts.append(connection)
        add_one(connection)
        players.insert(connection, "x" * 129, "UTC", 0)

    with opened(database_url, pool_size=1) as database:
        with pytest.raises(ContentRefused):
            database.transact(work, soon())
        assert len(attempts) == 1
        assert count_of(database) == 0


def test_a_bug_stays_what_it_is_and_commits_nothing(database_url: str) -> None:
    def work(connection: Connection) -> None:
        add_one(connection)
        connection.execute("SELECT no_such_column")

    with opened(database_url, pool_size=1) as database:
        with pytest.raises(psycopg.errors.UndefinedColumn):
            database.transact(work, soon())
        assert count_of(database) == 0
