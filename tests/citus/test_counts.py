"""The count of challenges on a cluster: it looks at players once every node shows what they changed."""

from __future__ import annotations

import pytest

from shared.domain.events import Event
from shared.domain.goal import Source, Stat
from shared.operations.player_sweep import PlayerSweep
from shared.operations.statistics.challenge_reports import count_work
from shared.postgres.database import Database
from shared.postgres.distribution import doubt
from shared.postgres.player_sweeps import CHALLENGE_COUNT
from tests.support.citus import CitusServer, a_prepared_transaction
from tests.support.counting import count_challenges, figures
from tests.support.databases import flushed, opened
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import NOW, rows

WINS = Stat(Source.STAT, "wins")


def notes(url: str) -> int:
    """Return the number of players who are to be counted."""
    [(count,)] = rows(url, "SELECT count(*) FROM changed_player")
    return int(count)


def counted(database: Database) -> bool:
    catalogue = sample_catalogue()
    sweep = PlayerSweep(database, CHALLENGE_COUNT, "a test", lambda: NOW)
    return sweep.one_pass(catalogue.version, count_work(catalogue, lambda: NOW))


def test_players_are_counted_once_every_node_shows_their_events(
    citus_server: CitusServer, citus_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubt, "DOUBT_MAX_S", 0.2)
    name = citus_url.rpartition("/")[2]
    with opened(citus_url, pool_size=1) as database:
        count_challenges(database, sample_catalogue(), NOW)
        flushed(database, sample_catalogue(), [Event("one", "player", NOW, WINS, delta=3)])
        assert notes(citus_url) == 1
        with a_prepared_transaction(citus_server.named(name, citus_server.workers[1])):
            assert not counted(database)
            assert notes(citus_url) == 1
        assert counted(database)
        assert notes(citus_url) == 0
        assert sum(report.started for report in figures(database)) > 0
