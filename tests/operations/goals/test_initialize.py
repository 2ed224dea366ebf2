"""Initialization of a player stores one row, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from shared.domain.events import Event
from shared.domain.instant import DAY
from shared.operations.goals.initialize import initialize_player
from shared.postgres.database import Database
from shared.postgres.goals import players
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY


def time_zone(database: Database, user_id: str = "player") -> str | None:
    """Return the stored time zone."""
    return database.autocommit(lambda connection: players.read(connection, user_id), soon()).time_zone


def test_the_first_call_creates_the_player_and_later_ones_do_not(database: Database, database_url: str) -> None:
    assert [initialize_player(database, "player", None, NOW, soon()).created for _ in range(3)] == [True, False, False]
    with connected(database_url) as connection:
        assert connection.execute("SELECT user_id, time_zone FROM player").fetchall() == [("player", "UTC")]
        for table in (b"tally", b"assignment", b"completion"):
            assert connection.execute(b"SELECT * FROM " + table).fetchall() == []


def test_a_time_zone_is_kept_until_another_one_is_given(database: Database) -> None:
    initialize_player(database, "player", "Europe/Paris", NOW, soon())
    initialize_player(database, "player", None, NOW, soon())
    assert time_zone(database) == "Europe/Paris"
    initialize_player(database, "player", "Asia/Tokyo", NOW, soon())
    assert time_zone(database) == "Asia/Tokyo"


def test_of_many_concurrent_first_calls_one_creates_the_player_and_the_time_zone_is_stored(database: Database) -> None:
    for number in range(20):
        user_id = f"player {number}"
        zones = [None, None, "Europe/Paris", None]
        with ThreadPoolExecutor(len(zones)) as callers:
            answers = list(
                callers.map(lambda zone, name=user_id: initialize_player(database, name, zone, NOW, soon()), zones)
            )
        assert [answer.created for answer in answers].count(True) == 1
        assert time_zone(database, user_id) == "Europe/Paris"


def test_events_before_the_first_call_are_included(database: Database) -> None:
    catalogue = catalogue_of(goal())
    flush(database, catalogue, [Event("id", "player", NOW, KILLS, delta=2)], soon())
    assert time_zone(database) is None
    initialized = initialize_player(database, "player", None, NOW, soon())
    assert initialized.created
    assert initialized.view.tallies[KILLS].measures.sum == 2
