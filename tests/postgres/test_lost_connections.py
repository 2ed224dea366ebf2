"""Work whose connection is lost before COMMIT is repeated, and counts once."""

from __future__ import annotations

import threading
from typing import LiteralString

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
from tests.support.unstalled_clock import unstalled_s

KEY = TallyKey("player", KILLS)
OTHER_KEY = TallyKey("rival", KILLS)


def add_one(connection: Connection, key: TallyKey = KEY) -> int:
    """Count an event, and return the number of events."""
    (merged,) = tallies.merge(connection, {key: Tally(events=1)})
    return merged.after.events


def count_of(database: Database, key: TallyKey = KEY) -> int:
    """Return the stored number of events."""
    view = database.autocommit(lambda connection: players.read(connection, key.user_id), soon()).view
    return view.tallies[key.stat].measures.events if key.stat in view.tallies else 0


def test_work_on_a_cut_connection_is_repeated(database_url: str) -> None:
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


def test_work_on_a_terminated_backend_is_repeated(database_url: str) -> None:
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


def test_a_read_on_a_stale_connection_is_repeated(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=2) as database:
        assert count_of(database) == 0
        proxy.cut()
        assert count_of(database) == 0


def test_work_that_keeps_losing_its_connection_ends_by_its_deadline(database_url: str) -> None:
    def work(connection: Connection) -> None:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with opened(database_url, pool_size=1) as database:
        started, deadline = unstalled_s(), soon(0.5)
        with pytest.raises((DatabaseUnavailable, DeadlineExceeded)):
            database.transact(work, deadline)
        assert unstalled_s() - started < 0.5 + LATE_S


def test_a_deadlock_victim_is_repeated(database_url: str) -> None:
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


def test_endless_conflicts_are_given_up(database_url: str) -> None:
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


def test_rejected_values_are_not_retried(database_url: str) -> None:
    attempts = []

    def work(connection: Connection) -> None:
        attempts.append(connection)
        add_one(connection)
        players.insert(connection, "x" * 129, (), 0)

    with opened(database_url, pool_size=1) as database:
        with pytest.raises(ContentRefused):
            database.transact(work, soon())
        assert len(attempts) == 1
        assert count_of(database) == 0


def test_a_bug_is_raised_and_commits_nothing(database_url: str) -> None:
    def work(connection: Connection) -> None:
        add_one(connection)
        connection.execute("SELECT FROM FROM")

    with opened(database_url, pool_size=1) as database:
        with pytest.raises(psycopg.errors.SyntaxError):
            database.transact(work, soon())
        assert count_of(database) == 0


@pytest.mark.parametrize("statement", ["SELECT no_such_column", "SELECT * FROM no_such_table", "SELECT no_such()"])
def test_a_statement_that_does_not_fit_the_schema_is_unavailable_and_logged_once(
    database_url: str, statement: LiteralString, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(database_url, pool_size=1) as database, caplog.at_level("ERROR", "shared.postgres.database"):
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable):
                database.autocommit(lambda connection: connection.execute(statement), soon())
        assert count_of(database) == 0
    assert [record.message for record in caplog.records] == ["statement failed: unexpected database schema"]
