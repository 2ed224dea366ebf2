"""Fixtures of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.event_messages import stat
from tests.support.postgres_server import PostgresServer
from tests.support.sample_catalogue import sample_catalogue_with_leaderboards, sample_game
from tests.support.services import Game, game

__all__ = ["sample_game"]


@pytest.fixture(scope="module")
def rewarded_game(postgres_server: PostgresServer) -> Iterator[Game]:
    """Yield a game whose player could claim a reward."""
    with (
        postgres_server.fresh_database() as database_url,
        game(database_url, sample_catalogue_with_leaderboards()) as running,
    ):
        running.report(stat("wins", delta=3))
        yield running
