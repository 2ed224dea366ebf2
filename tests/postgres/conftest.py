"""Fixtures for tests of the database edge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.postgres.connection import Connection
from tests.support.databases import connected


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """Yield a connection like those of the pool, to a fresh database."""
    with connected(database_url) as open_connection:
        yield open_connection


@pytest.fixture
def either_connection(either_database_url: str) -> Iterator[Connection]:
    """Yield the same on the newest and on the oldest supported PostgreSQL."""
    with connected(either_database_url) as open_connection:
        yield open_connection
