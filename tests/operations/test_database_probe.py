"""The probe of the database says what keeps the system's guarantees from holding."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from shared.domain.events import Event, Verdict
from shared.operations.database_probe import probe_database
from shared.postgres import schema
from tests.support.databases import opened, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.postgres_server import PostgresServer
from tests.support.services import NOW
from tests.support.strategies import KILLS


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def encoded_url(postgres_server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the address of a migrated database in another encoding than UTF-8."""
    name = f"encoded_{secrets.token_hex(4)}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE 'C' ENCODING {}")
    with psycopg.connect(postgres_server.url, autocommit=True) as administrator:
        administrator.execute(create.format(sql.Identifier(name), sql.Literal(request.param)))
        url = urlunsplit(urlsplit(postgres_server.url)._replace(path=f"/{name}"))
        schema.migrate(url)
        yield url
        administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def problem(url: str) -> str | None:
    """Return what the probe says of the database."""
    with opened(url, pool_size=1) as database:
        return probe_database(database)


def test_a_database_in_another_encoding_is_refused(encoded_url: str) -> None:
    found = problem(encoded_url)
    assert found is not None
    assert found.startswith("the database has the encoding ")
    assert found.endswith(", must be UTF8: create it with ENCODING 'UTF8'")


def test_the_encoding_of_the_environment_does_not_matter(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    assert problem(database_url) is None
    with opened(database_url) as database:
        events = [Event(f"{player}", player, NOW, KILLS, delta=1) for player in ("zoë", "日本", "ana")]
        outcomes = flush(database, catalogue_of(goal()), events, soon())
    assert [outcome and outcome.verdict for outcome in outcomes] == [Verdict.APPLIED] * 3


@pytest.mark.parametrize(
    ("option", "lost"),
    [
        ("synchronous_commit=off", "synchronous_commit=on"),
        ("statement_timeout=0", "statement_timeout=30s"),
        ("timezone=Asia/Tokyo", "timezone=UTC"),
    ],
)
def test_a_session_without_what_the_guarantees_need_is_refused(database_url: str, option: str, lost: str) -> None:
    found = problem(f"{database_url}?options={quote(f'-c {option}')}")
    assert found is not None
    assert found.startswith(f"sessions do not have {lost}: ")


def test_a_session_may_have_other_options(database_url: str) -> None:
    assert problem(f"{database_url}?options={quote('-c work_mem=5MB -c lock_timeout=3s')}") is None


def test_other_time_zone_data_is_refused_until_a_migration_records_it(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE time_zone_data SET version = '1999a'")
    found = problem(database_url)
    assert found is not None
    assert "that of the database is 1999a" in found
    assert schema.migrate(database_url) == []
    assert problem(database_url) is None
