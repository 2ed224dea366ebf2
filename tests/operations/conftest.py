"""Fixtures for tests of operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.support.databases import opened, soon


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Yield a pool to the test's own database, with as many connections as a busy service has."""
    with opened(database_url, pool_size=8) as pool:
        yield pool


@pytest.fixture
def one_connection(database_url: str) -> Iterator[Database]:
    """Yield a pool of one connection, for property tests.

    It is opened first, because the pool draws random numbers for that, which must not happen while Hypothesis draws.
    """
    with opened(database_url, pool_size=1) as pool:
        view_player(pool, "nobody", soon())
        yield pool


@pytest.fixture
def two_connections(database_url: str) -> Iterator[Database]:
    """Yield a pool for duties, whose steps need a second connection. Both are open, for the reason given above."""
    with opened(database_url, pool_size=2) as pool:
        pool.transact(lambda _: view_player(pool, "new player", soon()), soon())
        yield pool
