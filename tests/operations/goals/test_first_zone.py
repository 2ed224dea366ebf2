"""The zone of a new player holds since ever, unless an event was counted by the default zone's days before."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.events import CompletionKey, Event, Outcome
from shared.domain.instant import DAY, HOUR
from shared.domain.player_zones import SINCE_EVER, NamedZone, Zones
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import Schedule
from shared.domain.tally import Tally, TallyKey
from shared.operations.goals.initialize import Initialized, initialize_player
from shared.operations.goals.view_player import player_zones
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import tallies
from shared.postgres.goals import players
from shared.postgres.goals.player_zones import await_first_events
from tests.support.databases import PATIENCE_S, connected, flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS
from tests.support.waiting import wait_until

OWN_DAY = Schedule(Recurrence(Every.DAY, by_player=True), id="own-day")
CATALOGUE = catalogue_of(goal("daily", target=1, schedule=OWN_DAY))
NOW = FIRST_DAY * DAY + 12 * HOUR
TOKYO: Zones = (NamedZone(SINCE_EVER, "Asia/Tokyo"),)


def initialize(database: Database, catalogue: Catalogue = CATALOGUE) -> Initialized:
    return initialize_player(database, "player", "Asia/Tokyo", NOW, soon(), current_periods(catalogue, NOW))


def report(database: Database) -> Sequence[Outcome]:
    return flushed(database, CATALOGUE, [Event("id", "player", NOW, KILLS, delta=1)])


def blocked(observer: Connection, lock: bytes) -> bool:
    """Return True if a transaction waits for a lock of this kind."""
    waiting = b"SELECT 1 FROM pg_locks WHERE locktype = '" + lock + b"' AND NOT granted"
    return observer.execute(waiting).fetchall() != []


@pytest.mark.one_server
def test_a_player_is_stored_after_events_that_are_being_counted_without_a_zone(
    database: Database, database_url: str
) -> None:
    with (
        connected(database_url) as holder,
        connected(database_url) as observer,
        ThreadPoolExecutor(2) as callers,
    ):
        # The flush has read that there is no zone, and waits for the tally.
        holder.execute("BEGIN")
        tallies.merge(holder, {TallyKey("player", KILLS): Tally()})
        reported = callers.submit(report, database)
        wait_until(lambda: blocked(observer, b"transactionid"))
        initialized = callers.submit(initialize, database)
        wait_until(lambda: blocked(observer, b"advisory"))
        holder.execute("COMMIT")
        (outcome,) = reported.result(PATIENCE_S)
        assert initialized.result(PATIENCE_S).created
    assert outcome.completions == (CompletionKey("player", "daily", FIRST_DAY * DAY, 1),)
    # The day in which the event was counted stays a day of the player's.
    assert player_zones(database, "player", soon()) == (NamedZone(NOW, "Asia/Tokyo"),)


def test_events_are_counted_by_the_zone_of_a_player_who_is_being_stored(database: Database, database_url: str) -> None:
    with (
        connected(database_url) as storing,
        connected(database_url) as observer,
        ThreadPoolExecutor(1) as callers,
    ):
        storing.execute("BEGIN")
        await_first_events(storing, "player")
        assert players.insert(storing, "player", TOKYO, NOW, [OWN_DAY.text])
        reported = callers.submit(report, database)
        wait_until(lambda: blocked(observer, b"advisory"))
        storing.execute("COMMIT")
        (outcome,) = reported.result(PATIENCE_S)
    assert player_zones(database, "player", soon()) == TOKYO
    assert outcome.completions == (CompletionKey("player", "daily", FIRST_DAY * DAY - 9 * HOUR, 1),)
