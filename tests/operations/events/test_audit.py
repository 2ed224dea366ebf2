"""The audit compares a player's stored events with the tallies."""

from __future__ import annotations

import pytest

from admin.__main__ import main
from shared.domain.events import Event
from shared.domain.goal import LOGIN
from shared.domain.instant import DAY, HOUR, SECOND
from shared.domain.tally import Measures
from shared.operations.events.audit import PlayerAudit, audit_player
from shared.postgres.database import Database
from shared.runtime.clock import system_clock
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import KILLS

HORIZON = 72 * HOUR
NOW = system_clock()
CATALOGUE = catalogue_of(goal("win", target=1))

EVENTS = [
    Event("1", "player", NOW, KILLS, delta=2, value=-5),
    Event("2", "player", NOW - DAY, KILLS, delta=3),
    Event("3", "player", NOW - SECOND, KILLS, value=7),
]


def report(database: Database, *events: Event, keep_content: bool = True) -> None:
    flush(database, CATALOGUE, events, soon(), keep_content=keep_content)


def audit(database: Database) -> PlayerAudit:
    return audit_player(database, "player", HORIZON, NOW, soon())


def test_stored_events_add_up_to_the_tallies(database: Database) -> None:
    report(database, *EVENTS, EVENTS[0])
    found = audit(database)
    assert [(stat.stat, stat.replayed, stat.exact, stat.lost) for stat in found.stats] == [
        (KILLS, Measures(5, 3, 7), True, False)
    ]
    assert (found.kept, found.without_content, found.stored) == (3, 0, 3)


def test_events_without_stored_content_are_counted_and_not_reported_as_lost(database: Database) -> None:
    report(database, *EVENTS[:2])
    report(database, EVENTS[2], keep_content=False)
    found = audit(database)
    assert (found.kept, found.without_content, found.stored) == (2, 1, 3)
    assert [(stat.exact, stat.lost) for stat in found.stats] == [(False, False)]


@pytest.mark.parametrize(
    "damage", [b"UPDATE tally SET sum = sum - 1", b"UPDATE tally SET events = 2", b"UPDATE tally SET highest = 6"]
)
def test_a_tally_that_lacks_events_is_found(database: Database, database_url: str, damage: bytes) -> None:
    report(database, *EVENTS)
    with connected(database_url) as connection:
        connection.execute(damage)
    assert [stat.lost for stat in audit(database).stats] == [True]


def test_the_audit_of_a_player_without_events_is_empty(database: Database) -> None:
    assert audit(database) == PlayerAudit([], 0, 0, 0)


def test_the_command_fails_if_events_are_missing(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    report(database, *EVENTS, Event("4", "player", NOW, LOGIN))
    assert main(["player", "replay", "player"]) == 0
    assert "exact" in capsys.readouterr().out
    with connected(database_url) as connection:
        connection.execute(b"UPDATE tally SET sum = 0")
    assert main(["player", "replay", "player"]) == 1
    assert "lacks events" in capsys.readouterr().out
