"""Fixtures for tests of what the system does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.support.databases import opened, soon


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Connections to a database of the test's own, as many as a busy service has."""
    with opened(database_url, pool_size=8) as pool:
        yield pool


@pytest.fixture
def one_connection(database_url: str) -> Iterator[Database]:
    """A single connection, for properties: it is open already, because the pool draws random numbers when it opens one,
    and Hypothesis wants nobody to do so while it draws examples.
    """
    with opened(database_url, pool_size=1) as pool:
        view_player(pool, "nobody", soon())
        yield pool
