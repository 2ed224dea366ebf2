"""Fixtures for tests of Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cache.ground import Ground, ground_on


@pytest.fixture
def ground(redis_url: str) -> Iterator[Ground]:
    """An empty Redis."""
    with ground_on(redis_url) as opened:
        yield opened
