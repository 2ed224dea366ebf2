"""Imports into a database that is slow: batches that exceed their time limit are stored in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from shared.domain.errors import DeadlineExceeded
from shared.operations.operators import import_players
from shared.operations.operators.import_players import PlayerImport
from shared.postgres.database import Database
from shared.postgres.operators import player_import
from tests.support.databases import connected, soon
from tests.support.goals import catalogue_of, goal
from tests.support.services import rows

# Distributed tables have no triggers, which slow imports down here.
pytestmark = pytest.mark.one_server

CATALOGUE = catalogue_of(goal("goal"))
SLOW = """
CREATE FUNCTION slow_down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(CASE WHEN NEW.user_id = 'stuck' THEN 60 ELSE 0.02 END);
    RETURN NEW;
END
$$;
CREATE TRIGGER slow_down BEFORE INSERT ON tally FOR EACH ROW EXECUTE FUNCTION slow_down();
"""


@pytest.fixture(autouse=True)
def _slow(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each tally take 20 ms, and a batch half a second at most."""
    with connected(database_url) as owner:
        owner.run_script(SLOW.encode())
    monkeypatch.setattr(import_players, "BATCH_TIMEOUT_S", 0.5)


def lines(user_ids: Sequence[str], sums: int = 1) -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    tally = {"source": "stat", "stat_code": "kills", "schedule": "lifetime", "period_start": "1970-01-01T00:00:00Z"}
    for user_id in user_ids:
        counted = {"sum": str(sums), "events": "1", "days": "{}", "day_count": "0"}
        yield [("tally", user_id, {"user_id": user_id, **tally, **counted})]


def importing(database: Database) -> PlayerImport:
    tables = database.autocommit(player_import.tables_of_players, soon())
    return PlayerImport(database, CATALOGUE, tables, "a test", dry=False)


def test_each_player_is_stored_once_in_smaller_batches(database: Database, database_url: str) -> None:
    players = [f"player {number:03}" for number in range(60)]
    wanted = importing(database)
    batch = list(lines(players))
    # The database refuses a negative sum.
    wanted.store([*batch[:20], *lines(["wrong"], sums=-1), *batch[20:]])
    assert (wanted.outcome.players, wanted.outcome.done_before) == (60, 0)
    assert [user_id for user_id, _ in wanted.outcome.refused] == ["wrong"]
    assert rows(database_url, "SELECT count(*), sum(sum) FROM tally") == [(60, 60)]


def test_a_player_who_cannot_be_stored_in_time_ends_the_import(database: Database, database_url: str) -> None:
    wanted = importing(database)
    with pytest.raises(DeadlineExceeded):
        wanted.store(list(lines(["player 1", "stuck", "player 2"])))
    assert rows(database_url, "SELECT user_id FROM tally") == [("player 1",)]
    assert wanted.outcome.players == 1
