"""Initialization of a player stores one row, once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from shared.domain.events import Event
from shared.domain.instant import DAY, Instant
from shared.domain.player_zones import NamedZone, ZoneRefused
from shared.operations.goals.initialize import initialize_player
from shared.postgres.database import Database
from shared.postgres.goals import player_zones, players
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY


def named(database: Database, user_id: str = "player") -> Sequence[str] | None:
    """Return the stored time zones; None if the player was never initialized."""
    return database.autocommit(lambda connection: players.read(connection, user_id), soon()).zone_names


def test_the_first_call_creates_the_player_and_later_ones_do_not(database: Database, database_url: str) -> None:
    assert [initialize_player(database, "player", None, NOW, soon()).created for _ in range(3)] == [True, False, False]
    with connected(database_url) as connection:
        assert connection.execute("SELECT user_id, time_zone FROM player").fetchall() == [("player", "UTC")]
        for table in (b"tally", b"assignment", b"completion"):
            assert connection.execute(b"SELECT * FROM " + table).fetchall() == []


def test_a_time_zone_is_kept_until_another_one_is_given_a_week_later(database: Database) -> None:
    def named_at(now: Instant, zone: str | None) -> ZoneRefused | None:
        return initialize_player(database, "player", zone, now, soon()).zone_refused

    assert named_at(NOW, "Europe/Paris") is None
    assert named_at(NOW, None) is None
    # The zone of a new player is since ever, so that another one may follow at once: nothing was played in it yet.
    assert named_at(NOW, "Asia/Tokyo") is None
    assert named_at(NOW + 7 * DAY - 1, "Europe/Paris") == ZoneRefused(NOW + 7 * DAY)
    assert named(database) == ["Europe/Paris", "Asia/Tokyo"]
    assert named_at(NOW + 7 * DAY, "Europe/Paris") is None
    assert named(database) == ["Europe/Paris", "Asia/Tokyo", "Europe/Paris"]


def test_a_player_from_before_has_the_stored_zone_since_ever(database: Database, database_url: str) -> None:
    with connected(database_url) as connection:
        connection.execute("INSERT INTO player VALUES ('player', 'Asia/Tokyo', now()), ('nowhere', 'UTC', now())")
        assert player_zones.read_zones(connection, ["player", "nowhere"]) == {"player": (NamedZone(0, "Asia/Tokyo"),)}
    assert named(database) == ["Asia/Tokyo"]
    assert named(database, "nowhere") == []
    assert initialize_player(database, "nowhere", "UTC", NOW, soon()).zone_refused is None
    assert named(database, "nowhere") == ["UTC"]


def test_one_of_many_concurrent_first_calls_creates_the_player_and_the_time_zone_is_stored(database: Database) -> None:
    for number in range(20):
        user_id = f"player {number}"
        zones = [None, None, "Europe/Paris", None]
        with ThreadPoolExecutor(len(zones)) as callers:
            replies = list(
                callers.map(lambda zone, name=user_id: initialize_player(database, name, zone, NOW, soon()), zones)
            )
        assert [reply.created for reply in replies].count(True) == 1
        assert named(database, user_id) == ["Europe/Paris"]


def test_events_before_the_first_call_are_included(database: Database) -> None:
    catalogue = catalogue_of(goal())
    flush(database, catalogue, [Event("id", "player", NOW, KILLS, delta=2)], soon())
    assert named(database) is None
    initialized = initialize_player(database, "player", None, NOW, soon())
    assert initialized.created
    assert initialized.view.tallies[KILLS].measures.sum == 2
