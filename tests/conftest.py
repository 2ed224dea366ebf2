"""Fixtures for all tests. Servers live for the session, databases for one test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import redis

from devstack.postgres import EmbeddedPostgres, Version
from devstack.valkey import EmbeddedValkey
from tests.servers import QUICK, PostgresServer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres",
        type=int,
        choices=(16, 18),
        default=18,
        help="version of the embedded PostgreSQL; with TEST_DATABASE_URL in the environment that server is used instead",
    )


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The server that tests use unless they say otherwise."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        with PostgresServer(url) as server:
            yield server
        return
    version = cast(Version, request.config.getoption("postgres"))
    yield from _embedded(version, tmp_path_factory.mktemp("postgres"))


@pytest.fixture(scope="session")
def postgres_16(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The oldest PostgreSQL that is supported."""
    yield from _embedded(16, tmp_path_factory.mktemp("postgres-16"))


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated database of this test's own."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture(params=["postgres_server", "postgres_16"])
def either_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """As `database_url`, for tests that run on both ends of the supported versions."""
    with request.getfixturevalue(request.param).fresh_database() as url:
        yield url


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A running server, without migrations, that the test may stop and kill. Costs 1.5 s."""
    server = EmbeddedPostgres(tmp_path / "postgres", settings=QUICK)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """The Valkey that tests share."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def redis_url(valkey_server: EmbeddedValkey) -> str:
    """An empty Valkey."""
    with redis.Redis.from_url(valkey_server.url) as client:
        client.flushall()
    return valkey_server.url


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A running Valkey that the test may stop and kill."""
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


def _embedded(version: Version, directory: Path) -> Iterator[PostgresServer]:
    embedded = EmbeddedPostgres(directory, version=version, settings=QUICK)
    try:
        embedded.start()
        with PostgresServer(embedded.url) as server:
            yield server
    finally:
        embedded.remove()
