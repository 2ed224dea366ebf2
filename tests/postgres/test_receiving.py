"""Results that come at once, in pieces, with notices between them, or never to their end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from shared.postgres.connection import Connection
from shared.postgres.database import Database
from tests.support.databases import opened, soon

LARGE = 3_000_000
"""Bytes of a result that comes in many pieces."""


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Yield threads as calls have them: the main thread waits otherwise."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def ask(threads: ThreadPoolExecutor, database: Database, script: bytes) -> list[bytes | None]:
    """Return the first value of each statement's result."""

    def work(connection: Connection) -> list[bytes | None]:
        return [result.get_value(0, 0) for result in connection.run_script(script)]

    return threads.submit(database.autocommit, work, soon()).result()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (b"SELECT 1; SELECT 2", [b"1", b"2"]),
        (b"SELECT repeat('x', %d); SELECT 2" % LARGE, [b"x" * LARGE, b"2"]),
        (b"SELECT 1; DO $$BEGIN RAISE WARNING 'heard'; END$$; SELECT 2", [b"1", None, b"2"]),
        (b"LISTEN heard; NOTIFY heard; SELECT 1", [None, None, b"1"]),
        (b"SELECT 1; SELECT pg_sleep(0.3); SELECT 2", [b"1", b"", b"2"]),
    ],
    ids=["at once", "in pieces", "with a notice", "with a notification", "late"],
)
def test_all_results_of_a_script_are_received(
    threads: ThreadPoolExecutor, database_url: str, script: bytes, expected: list[bytes | None]
) -> None:
    with opened(database_url, pool_size=1) as database:
        assert ask(threads, database, script) == expected
        assert ask(threads, database, b"SELECT 3") == [b"3"]


@pytest.mark.parametrize("script", [b"COPY (SELECT 1) TO STDOUT", b"SELECT 1; COPY player FROM STDIN"])
def test_a_statement_that_copies_is_refused(threads: ThreadPoolExecutor, database_url: str, script: bytes) -> None:
    with opened(database_url, pool_size=1) as database:
        with pytest.raises(psycopg.Error):
            ask(threads, database, script)
        assert ask(threads, database, b"SELECT 3") == [b"3"]


def pipelined(connection: Connection, texts: Sequence[bytes]) -> list[object]:
    """Return the first value of each statement, all of them sent together."""
    executions = [connection.defer_prepared(text, text, (), next_is_certain=True) for text in texts]
    connection.execute_deferred()
    return [execution.rows[0][0] for execution in executions]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([b"SELECT 1", b"SELECT 2"], [1, 2]),
        ([b"SELECT 1", b"SELECT repeat('x', %d)" % LARGE, b"SELECT 2"], [1, "x" * LARGE, 2]),
        ([b"SELECT 1", b"SELECT true FROM pg_sleep(0.3)", b"SELECT 2"], [1, True, 2]),
        ([b"SELECT repeat('x', 100000)", b"SELECT true FROM pg_sleep(0.3)", b"SELECT 2"], ["x" * 100_000, True, 2]),
    ],
    ids=["at once", "in pieces", "late", "in part"],
)
def test_all_results_of_a_pipeline_are_received(
    threads: ThreadPoolExecutor, database_url: str, texts: list[bytes], expected: list[object]
) -> None:
    with opened(database_url, pool_size=1) as database:
        for _ in range(2):
            work = partial(pipelined, texts=texts)
            assert threads.submit(database.autocommit, work, soon()).result() == expected
        assert ask(threads, database, b"SELECT 3") == [b"3"]


@pytest.mark.parametrize("before", [b"SELECT 1", b"SELECT repeat('x', 100000)", b"SELECT true FROM pg_sleep(0.3)"])
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (b"SELECT 1 / 0", psycopg.errors.DivisionByZero),
        (b"SELECT true FROM pg_terminate_backend(pg_backend_pid())", psycopg.OperationalError),
    ],
    ids=["an error", "a lost connection"],
)
def test_a_pipeline_that_fails_ends(
    threads: ThreadPoolExecutor, database_url: str, before: bytes, failure: bytes, expected: type[psycopg.Error]
) -> None:
    """The connection serves the next call, or is replaced."""
    errors: list[psycopg.Error] = []

    def work(connection: Connection) -> None:
        try:
            pipelined(connection, [before, failure, b"SELECT 2"])
        except psycopg.Error as error:
            errors.append(error)

    with opened(database_url, pool_size=1) as database:
        threads.submit(database.autocommit, work, soon()).result()
        assert [type(error) for error in errors] == [expected]
        assert ask(threads, database, b"SELECT 3") == [b"3"]


@pytest.mark.parametrize("before", [b"SELECT 1", b"SELECT repeat('x', 100000)", b"SELECT true FROM pg_sleep(0.3)"])
@pytest.mark.parametrize("copy", [b"COPY (SELECT 1) TO STDOUT", b"COPY player FROM STDIN"])
def test_a_statement_of_a_pipeline_that_copies_is_refused(
    threads: ThreadPoolExecutor, database_url: str, before: bytes, copy: bytes
) -> None:
    """Its result would be received for ever."""
    work = partial(pipelined, texts=[before, copy, b"SELECT 2"])
    with opened(database_url, pool_size=1) as database:
        for act in (database.autocommit, database.transact):
            with pytest.raises(psycopg.Error):
                threads.submit(act, work, soon()).result()
            assert ask(threads, database, b"SELECT 3") == [b"3"]
