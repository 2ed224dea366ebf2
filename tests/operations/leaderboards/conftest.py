"""Fixtures for tests of leaderboards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.postgres.database import Database
from tests.cache.cached_rankings import cached_rankings_on
from tests.operations.leaderboards.ranking_process import CATALOGUE, NOW, Process
from tests.support.databases import soon
from tests.support.redis_clients import run_on_either


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of rankings in Redis on a cluster, too."""
    run_on_either(metafunc)


@pytest.fixture
def process(database: Database, redis_url: str) -> Iterator[Process]:
    """Yield a process with all rankings in Redis, still empty."""
    record_catalogue(database, CATALOGUE, NOW, soon())
    with cached_rankings_on(redis_url) as cached:
        opened = Process(database, cached)
        opened.begin()
        assert opened.agrees()
        yield opened
