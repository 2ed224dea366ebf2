"""Fixtures for tests of the database edge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.postgres.connection import Connection
from tests.support.databases import connected


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A connection like those of the pool, to a database of the test's own."""
    with connected(database_url) as open_connection:
        yield open_connection


@pytest.fixture
def either_connection(either_database_url: str) -> Iterator[Connection]:
    """As `connection`, on the newest and on the oldest PostgreSQL that is supported."""
    with connected(either_database_url) as open_connection:
        yield open_connection
