"""Fixtures for tests of Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cache.cached_rankings import CachedRankings, cached_rankings_on


@pytest.fixture
def cached(redis_url: str) -> Iterator[CachedRankings]:
    """Yield access to an empty Redis."""
    with cached_rankings_on(redis_url) as opened:
        yield opened
