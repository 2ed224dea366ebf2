"""Fixtures for tests of Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cache.cached_rankings import CachedRankings, cached_rankings_on
from tests.support.redis_clients import run_on_either


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of rankings on a cluster, too."""
    if "cached" in metafunc.fixturenames:
        run_on_either(metafunc)


@pytest.fixture
def cached(redis_url: str) -> Iterator[CachedRankings]:
    """Yield access to an empty Redis."""
    with cached_rankings_on(redis_url) as opened:
        yield opened
