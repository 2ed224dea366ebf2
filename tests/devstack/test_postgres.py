"""The embedded PostgreSQL server."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from devstack.cluster import FILE
from devstack.errors import AlreadyRunning, StartFailed
from devstack.postgres import EmbeddedPostgres, Version
from tests.support.postgres_server import QUICK
from tests.support.waiting import wait_until


def ask(url: str, statement: str) -> object:
    """Return the single value of a statement."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def keep_a_row(url: str) -> None:
    """Commit a row that `rows_kept` counts."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1")


def rows_kept(url: str) -> object:
    """Return the number of rows stored by `keep_a_row`."""
    return ask(url, "SELECT count(*) FROM kept")


@pytest.mark.parametrize("version", [pytest.param(16, marks=pytest.mark.slow), 18])
def test_data_survives_a_restart(folder: Path, version: Version) -> None:
    first = EmbeddedPostgres(folder, version=version)
    second = EmbeddedPostgres(folder, version=version)
    try:
        with first:
            assert str(ask(first.url, "SHOW server_version")).startswith(f"{version}.")
            keep_a_row(first.url)
        assert not first.is_running
        assert "database system is shut down" in first.tail()
        with second:
            assert rows_kept(second.url) == 1
    finally:
        second.remove()


def test_a_cluster_is_made_as_documented(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    try:
        server.start()
        assert ask(server.url, "SHOW server_encoding") == "UTF8"
        assert ask(server.url, "SELECT datcollate FROM pg_database WHERE datname = current_database()") == "C"
        assert ask(server.url, "SHOW data_checksums") == "on"
        assert ask(
            server.url, "SELECT starts_with(rolpassword, 'SCRAM-SHA-256$4096:') FROM pg_authid WHERE rolcanlogin"
        )
        assert ask(server.url, "SHOW fsync") == "on"
        assert ask(server.url, "SHOW listen_addresses") == "127.0.0.1"
        assert ask(server.url, "SHOW unix_socket_directories") == ""
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
        wrong = urlsplit(server.url)._replace(netloc=f"challenge:wrong@127.0.0.1:{urlsplit(server.url).port}").geturl()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
    finally:
        server.remove()


def test_commits_survive_a_kill_and_the_url_does_not_change(own_postgres: EmbeddedPostgres) -> None:
    url = own_postgres.url
    keep_a_row(url)
    own_postgres.kill()
    assert not own_postgres.is_running
    own_postgres.start()
    assert own_postgres.url == url
    assert rows_kept(url) == 1


def test_a_second_server_on_the_same_data_names_the_first(own_postgres: EmbeddedPostgres) -> None:
    port = urlsplit(own_postgres.url).port
    second = EmbeddedPostgres(own_postgres.directory)
    with pytest.raises(AlreadyRunning, match=f"process {own_postgres.pid}, port {port}"):
        second.start()
    assert ask(own_postgres.url, "SELECT 1") == 1


def test_the_server_starts_after_its_postmaster_was_killed(own_postgres: EmbeddedPostgres) -> None:
    assert own_postgres.pid is not None
    os.kill(own_postgres.pid, signal.SIGKILL)
    wait_until(lambda: not own_postgres.is_running)
    stale = own_postgres.data / FILE
    lines = stale.read_text().splitlines()
    own_postgres.start()
    own_postgres.stop()

    # The same after another process got the dead server's process id.
    stale.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    own_postgres.start()
    assert ask(own_postgres.url, "SELECT 1") == 1


def test_a_failed_start_quotes_the_servers_log(folder: Path) -> None:
    server = EmbeddedPostgres(folder, settings={**QUICK, "no_such_setting": "1"})
    with pytest.raises(StartFailed, match='unrecognized configuration parameter "no_such_setting"'):
        server.start()
    assert not server.is_running
    server.remove()


def test_data_of_another_version_is_refused_and_kept(own_postgres: EmbeddedPostgres) -> None:
    own_postgres.stop()
    with pytest.raises(StartFailed, match="was made by PostgreSQL 18, not 16"):
        EmbeddedPostgres(own_postgres.directory, version=16).start()
    own_postgres.start()
    assert ask(own_postgres.url, "SELECT 1") == 1
