"""Migrations apply, roll back, and are missed where they are missing."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from shared.postgres import schema
from shared.postgres.migrations import MIGRATIONS, migration_files, missing_migrations
from tests.support.databases import connected
from tests.support.postgres_server import EITHER_VERSION, PostgresServer

ALL = [path.stem for path in migration_files()]

# Objects of the schema, without yoyo's own tables.
OBJECTS = """
SELECT 'relation', relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relname !~ 'yoyo'
UNION ALL SELECT 'function', proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT 'type', typname FROM pg_type
WHERE typnamespace = 'public'::regnamespace AND typname !~ 'yoyo'
"""


@pytest.fixture(params=EITHER_VERSION)
def empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a database without any migration."""
    server: PostgresServer = request.getfixturevalue(request.param)
    name = f"empty_{secrets.token_hex(4)}"
    with psycopg.connect(server.url, autocommit=True) as administrator:
        administrator.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlunsplit(urlsplit(server.url)._replace(path=f"/{name}"))
        administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def objects(url: str) -> set[tuple[str, str]]:
    """Return the objects that the migrations created."""
    with connected(url) as connection:
        return {(kind, name) for kind, name in connection.execute(OBJECTS).fetchall()}


def missing(url: str) -> list[str]:
    """Return the migrations that services would miss."""
    with connected(url) as connection:
        return missing_migrations(connection)


def test_migrations_apply_and_roll_back_without_leftovers(empty_url: str) -> None:
    assert schema.migrate(empty_url) == ALL
    made = objects(empty_url)
    assert ("relation", "tally") in made
    assert sorted(schema.roll_back(empty_url, len(ALL))) == ALL
    assert objects(empty_url) == set()
    assert schema.migrate(empty_url) == ALL
    assert objects(empty_url) == made


def test_migrating_again_changes_nothing(empty_url: str) -> None:
    schema.migrate(empty_url)
    assert schema.migrate(empty_url) == []


def test_missing_migrations_are_named(empty_url: str) -> None:
    assert missing(empty_url) == ALL
    schema.migrate(empty_url)
    assert missing(empty_url) == []
    schema.roll_back(empty_url, 1)
    assert missing(empty_url) == ALL[-1:]


def test_concurrent_migrations_both_succeed(empty_url: str) -> None:
    applied: list[list[str]] = []
    runs = [threading.Thread(target=lambda: applied.append(schema.migrate(empty_url))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(applied, key=len) == [[], ALL]
    assert missing(empty_url) == []


def test_the_newer_migrations_are_a_chain() -> None:
    # Earlier ones branch, and a database may have applied them already.
    newer = [path for path in sorted(migration_files()) if path.stem >= "0028"]
    numbers = [path.stem.partition("-")[0] for path in newer]
    assert len(set(numbers)) == len(numbers)
    for before, path in pairwise(newer):
        assert path.read_text(encoding="utf-8").startswith(f"-- depends: {before.stem}\n")


def test_every_migration_has_a_rollback() -> None:
    for name in ALL:
        assert (MIGRATIONS / f"{name}.rollback.sql").is_file()


@pytest.fixture
def undone(empty_url: str) -> list[str]:
    """Return the migrations that were applied and rolled back again."""
    schema.migrate(empty_url)
    newest = ALL[ALL.index("0011-two-releases") :]
    assert sorted(schema.roll_back(empty_url, len(newest))) == newest
    return newest


def test_writers_do_not_wait_long_behind_a_migration(
    empty_url: str, undone: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOCK_ATTEMPTS_MAX", 2)
    monkeypatch.setattr(schema, "LOCK_REST_S", 0.1)
    with psycopg.connect(empty_url) as forgotten:
        forgotten.execute("DELETE FROM leaderboard_journal")
        with pytest.raises(schema.MigrationRefused, match="another session holds a table"):
            schema.migrate(empty_url)
        assert missing(empty_url) == undone
    assert schema.migrate(empty_url) == undone


@contextmanager
def held(url: str, table: str) -> Iterator[None]:
    """Hold a table in a transaction that the server ends after longer than one attempt waits."""
    holder = psycopg.connect(url)
    holder.execute("SET idle_in_transaction_session_timeout = '1500ms'")
    holder.execute(sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(sql.Identifier(table)))
    try:
        yield
    finally:
        holder.close()


@pytest.mark.parametrize(
    "table",
    [
        pytest.param("leaderboard_journal", id="the first table", marks=pytest.mark.slow),
        pytest.param("player", id="a later one"),
    ],
)
def test_a_migration_waits_in_short_attempts_for_a_table_that_is_held(
    empty_url: str, undone: list[str], table: str
) -> None:
    with held(empty_url, table):
        assert schema.migrate(empty_url) == undone
    with held(empty_url, table):
        assert sorted(schema.roll_back(empty_url, len(undone))) == undone
    assert missing(empty_url) == undone
