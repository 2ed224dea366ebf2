"""Results that come at once, in pieces, with notices between them, or never to their end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

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
