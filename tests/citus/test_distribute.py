"""`admin distribute` moves the tables of players and keeps everything, and the probe notices what is misplaced."""

from __future__ import annotations

import psycopg
import pytest

from admin.__main__ import main
from shared.domain.events import Event
from shared.domain.goal import Source, Stat
from shared.operations.database_probe import probe_database
from shared.postgres.distribution.distribute import distribute
from shared.postgres.distribution.placement import placements
from shared.postgres.distribution.written_places import DISTRIBUTED
from tests.support.citus import SHARDS, CitusServer
from tests.support.databases import connected, flushed, opened
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import ACTING, NOW, rows

PLAYERS = 20
WINS = Stat(Source.STAT, "wins")


def test_a_database_in_use_is_distributed_and_keeps_everything(
    citus_server: CitusServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with citus_server.migrated_database() as url, opened(url, pool_size=2) as database:
        monkeypatch.setenv("DATABASE_URL", url)
        catalogue = sample_catalogue()
        events = [Event(f"first {number}", f"player {number}", NOW, WINS, delta=3) for number in range(PLAYERS)]
        flushed(database, catalogue, events)
        before = stored(url)

        main(["distribute", "--shards", str(SHARDS), "--dry-run"])
        shown = capsys.readouterr().out
        assert "would distribute: event_seen" in shown
        assert "stays on the coordinator: reward_outbox (a queue" in shown
        with connected(url) as connection:
            assert placements(connection) == {}

        main(["distribute", "--shards", str(SHARDS), "--operator", "ada", "--reason", "grown"])
        assert "distributed: tally" in capsys.readouterr().out
        with connected(url) as connection:
            placed = placements(connection)
        assert set(placed) == set(DISTRIBUTED)
        assert {(placement.column, placement.shards) for placement in placed.values()} == {("user_id", SHARDS)}
        assert stored(url) == before
        assert rows(
            url, "SELECT operator, reason, details -> 'shards' FROM operator_audit WHERE kind = 'distribute'"
        ) == [("ada", "grown", SHARDS)]

        # The pool that was open goes on: its sessions were ended, and new ones plan for the cluster.
        again = [event._replace(event_id=f"second {event.user_id}") for event in events]
        flushed(database, catalogue, again)
        assert rows(url, "SELECT min(sum), max(sum), count(*) FROM tally") == [(6, 6, PLAYERS)]
        assert probe_database(database) is None

        main(["distribute"])
        assert capsys.readouterr().out == "nothing to do\n"

        main(["distribute", "--back", "--operator", "ada", "--reason", "shrunk"])
        assert "on the coordinator: tally" in capsys.readouterr().out
        with connected(url) as connection:
            assert placements(connection) == {}
        third = [event._replace(event_id=f"third {event.user_id}") for event in events]
        flushed(database, catalogue, third)
        assert rows(url, "SELECT min(sum), max(sum), count(*) FROM tally") == [(9, 9, PLAYERS)]
        assert probe_database(database) is None


def stored(url: str) -> list[tuple[object, ...]]:
    """Return the rows of players, as text."""
    found: list[tuple[object, ...]] = []
    for table in ("player", "tally", "completion", "standing", "event_seen"):
        found += rows(url, f"SELECT '{table}', row_to_json(t)::text FROM {table} AS t ORDER BY 2")  # noqa: S608
    return found


def test_a_database_that_was_migrated_before_it_had_the_extension_is_distributed(citus_server: CitusServer) -> None:
    with citus_server.migrated_database(before_extension=True) as url:
        with connected(url) as connection:
            distribute(connection, SHARDS, ACTING)
        with opened(url, pool_size=1) as database:
            flushed(database, sample_catalogue(), [Event("one", "player", NOW, WINS, delta=3)])
            assert probe_database(database) is None
        assert rows(url, "SELECT sum, microseconds(sum_time) FROM tally") == [(3, NOW)]


def test_an_outbox_that_is_distributed_by_mistake_is_a_reason_not_to_serve(citus_url: str) -> None:
    with psycopg.connect(citus_url, autocommit=True) as operator:
        with pytest.raises(psycopg.Error, match="has triggers"):
            operator.execute("SELECT create_reference_table('reward_outbox')")
        operator.execute("DROP TRIGGER moved_requests_are_known ON reward_outbox")
        operator.execute("SELECT create_reference_table('reward_outbox')")
    with opened(citus_url, pool_size=2) as database:
        problem = probe_database(database)
    assert problem is not None
    assert "reward_outbox must be on the coordinator alone" in problem


def test_a_table_that_is_not_distributed_is_a_reason_not_to_serve(citus_url: str) -> None:
    with psycopg.connect(citus_url, autocommit=True) as operator:
        operator.execute("SELECT undistribute_table('standing')")
    with opened(citus_url, pool_size=2) as database:
        problem = probe_database(database)
    assert problem is not None
    assert "standing is not distributed" in problem


def test_a_database_without_the_extension_is_refused(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    if request.config.getoption("--citus"):
        pytest.skip("every database has the extension")
    monkeypatch.setenv("DATABASE_URL", database_url)
    with pytest.raises(SystemExit):
        main(["distribute"])
    assert "CREATE EXTENSION citus" in capsys.readouterr().err
