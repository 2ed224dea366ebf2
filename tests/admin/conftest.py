"""Fixtures for tests of the operators' command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.admin.site import Site, opened_site
from tests.support.redis_clients import run_on_either

ON_EITHER = ("test_verify", "test_boards", "test_identity")
"""Modules about rankings in Redis."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of commands about rankings on a cluster, too."""
    if metafunc.module.__name__.rpartition(".")[2] in ON_EITHER:
        run_on_either(metafunc)


@pytest.fixture
def site(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Point the environment at a game with thirty players on two leaderboards, and return it."""
    with opened_site(database_url, redis_url, tmp_path / "catalogue.json") as opened:
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("REDIS_URL", redis_url)
        monkeypatch.setenv("CATALOGUE", str(opened.catalogue_file))
        yield opened
