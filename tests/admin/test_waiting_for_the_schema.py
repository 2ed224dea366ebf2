"""`python -m admin migrate --wait`: a program that starts beside the migration waits for it, and changes nothing."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from shared.postgres import schema
from shared.postgres.schema_wait import SchemaBehind, wait_until_migrated
from tests.admin.site import admin
from tests.support.postgres_server import PostgresServer
from tests.support.services import rows


@pytest.fixture
def empty_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Yield the URL of a database without any migration."""
    name = f"empty_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_server.url, autocommit=True) as administrator:
        administrator.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlsplit(postgres_server.url)._replace(path=f"/{name}").geturl()
        administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_the_wait_ends_when_another_run_has_migrated(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_url)
    migrating = threading.Timer(0.5, schema.migrate, [empty_url])
    migrating.start()
    admin("migrate", "--wait", "60")
    migrating.join()
    assert capsys.readouterr().out == "the schema is up to date\n"


def test_a_wait_without_a_migration_ends_with_what_is_missing(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_url)
    with pytest.raises(SystemExit) as ended:
        admin("migrate", "--wait", "1")
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("waited 1 s: the schema is behind (0001-player-progress, ")
    assert rows(empty_url, "SELECT to_regclass('_yoyo_migration')") == [(None,)]


def test_a_database_that_cannot_be_reached_is_asked_again_until_the_wait_ends() -> None:
    started = time.monotonic()
    with pytest.raises(SchemaBehind, match="waited 2 s: connection failed"):
        wait_until_migrated("postgresql://app:secret@127.0.0.1:1/game", 2)
    assert time.monotonic() - started >= 1


def test_waiting_and_undoing_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        admin("migrate", "--wait", "1", "--back", "1")
    assert ended.value.code == 2
    assert "exclude each other" in capsys.readouterr().err
