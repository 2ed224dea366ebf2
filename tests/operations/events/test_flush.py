"""A batch of events is applied whole, each event once."""

from __future__ import annotations

import logging

import pytest

from shared.domain.events import CompletionKey, Event, Outcome, Verdict
from shared.domain.goal import Counting, Source, Stat
from shared.domain.instant import DAY, LIFETIME_START
from shared.domain.progress import GoalState
from shared.operations.events.flush import Flush
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from shared.postgres.events import ledger
from shared.runtime.logs import JsonFormatter
from tests.support.databases import connected, soon, status_of
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS, LOGIN_STAT

NOW = FIRST_DAY * DAY
WIN = goal("win", target=3)
CATALOGUE = catalogue_of(WIN, goal("often", counting=Counting.EVENTS, target=2))

BROKEN = Stat(Source.LOGIN, "a login has no code")
"""No check at the edge lets this through; the table's own constraint refuses it, whoever the player is."""


def kill(number: int, user_id: str = "player", delta: int = 1) -> Event:
    """Return an event with its own id and time."""
    return Event(f"{number}", user_id, NOW + number, KILLS, delta=delta)


def completed(goal_id: str, user_id: str = "player") -> CompletionKey:
    """Return the completion that a flush reports."""
    return CompletionKey(user_id, goal_id, LIFETIME_START, 1)


def test_a_completion_is_reported_with_the_event_that_reached_the_target(database: Database) -> None:
    outcomes = flush(database, CATALOGUE, [kill(1), kill(2), kill(3), kill(4)], soon())
    assert outcomes == [
        Outcome(Verdict.APPLIED),
        Outcome(Verdict.APPLIED, (completed("often"),)),
        Outcome(Verdict.APPLIED, (completed("win"),)),
        Outcome(Verdict.APPLIED),
    ]
    status = status_of(database, CATALOGUE, "player", WIN)
    assert (status.state, status.complete_time) == (GoalState.COMPLETED, NOW + 3)


def test_an_event_repeated_within_a_batch_counts_once(database: Database) -> None:
    outcomes = flush(database, CATALOGUE, [kill(1), kill(1), kill(2), kill(1)], soon())
    assert [outcome.verdict for outcome in outcomes if outcome] == [
        Verdict.APPLIED,
        Verdict.DUPLICATE,
        Verdict.APPLIED,
        Verdict.DUPLICATE,
    ]
    assert view_player(database, "player", soon()).tallies[KILLS].measures.events == 2


def test_an_id_is_the_same_event_only_for_the_same_player_on_the_same_day(database: Database) -> None:
    event = kill(1)
    others = [event._replace(user_id="rival"), event._replace(time=event.time + DAY), event._replace(event_id="2")]
    outcomes = flush(database, CATALOGUE, [event, *others], soon())
    assert [outcome.verdict for outcome in outcomes if outcome] == [Verdict.APPLIED] * 4


@pytest.mark.parametrize("keep_content", [True, False])
def test_the_first_of_two_events_with_one_id_counts(database: Database, keep_content: bool) -> None:
    first = kill(1, delta=2)
    flush(database, CATALOGUE, [first, first._replace(delta=9)], soon(), keep_content=keep_content)
    assert view_player(database, "player", soon()).tallies[KILLS].measures.sum == 2
    seen = database.autocommit(lambda connection: ledger.read_seen(connection, "player", [FIRST_DAY]), soon())
    assert seen.events == ([first] if keep_content else [])
    assert seen.without_content == (0 if keep_content else 1)


def poisonous(event: Event) -> Event:
    """Return an event whose sum a constraint of the tally refuses. Validation of calls would refuse its amount."""
    return event._replace(user_id="poison", delta=-1)


@pytest.mark.parametrize("position", [0, 7, 15])
def test_an_event_refused_by_the_database_does_not_affect_others(database: Database, position: int) -> None:
    events = [kill(number, user_id=f"player {number % 3}") for number in range(16)]
    events[position] = poisonous(events[position])
    committed = Flush(database, CATALOGUE, soon())
    outcomes = committed.run(events)
    verdicts = [outcome.verdict for outcome in outcomes if outcome]
    assert verdicts[position] is Verdict.INVALID
    assert verdicts.count(Verdict.APPLIED) == 15
    assert committed.splits == 2
    views = [view_player(database, f"player {number}", soon()) for number in range(3)]
    assert sum(view.tallies[KILLS].measures.events for view in views) == 15


def test_an_event_is_not_invalid_if_the_control_event_is_refused_too(database: Database) -> None:
    events = [kill(number) for number in range(8)]
    events[3] = events[3]._replace(stat=BROKEN)
    outcomes = flush(database, CATALOGUE, events, soon())
    assert outcomes.pop(3) is None
    assert [outcome.verdict for outcome in outcomes if outcome] == [Verdict.APPLIED] * 7
    assert flush(database, CATALOGUE, [events[3]], soon()) == [None]


@pytest.mark.parametrize("position", [0, 7, 15])
def test_an_event_that_raises_an_exception_does_not_affect_others(
    database: Database, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    events = [kill(number, user_id=f"zoë {number % 3}") for number in range(16)]
    # A lone surrogate has no form in UTF-8. Protobuf lets none in.
    events[position] = events[position]._replace(user_id="\udc80")
    outcomes = list(flush(database, CATALOGUE, events, soon()))
    assert outcomes.pop(position) is None
    assert [outcome.verdict for outcome in outcomes if outcome] == [Verdict.APPLIED] * 15
    assert [record.message for record in caplog.records] == ["unhandled exception in a flush"]
    assert flush(database, CATALOGUE, [events[position]], soon()) == [None]


def alter(database_url: str, change: str) -> None:
    with connected(database_url) as connection:
        connection.execute(f"ALTER TABLE completion {change}".encode())


def test_if_all_events_are_refused_none_is_invalid_and_the_batch_is_not_split(
    database: Database, database_url: str
) -> None:
    alter(database_url, "ADD CONSTRAINT refuse_all CHECK (false)")
    events = [kill(number, delta=3, user_id=f"player {number}") for number in range(8)]
    refused = Flush(database, CATALOGUE, soon())
    assert refused.run(events) == [None] * 8
    assert refused.splits == 0
    assert flush(database, CATALOGUE, [kill(9, delta=3)], soon()) == [None]
    alter(database_url, "DROP CONSTRAINT refuse_all")
    outcomes = flush(database, CATALOGUE, events, soon())
    assert [outcome.verdict for outcome in outcomes if outcome] == [Verdict.APPLIED] * 8


def test_a_control_event_stores_nothing(database: Database, database_url: str) -> None:
    flush(database, CATALOGUE, [poisonous(kill(1)), kill(2)], soon())
    with connected(database_url) as connection:
        for table in ("event_seen", "tally", "completion"):
            users = connection.execute(f"SELECT DISTINCT user_id FROM {table}".encode()).fetchall()  # noqa: S608
            assert users in ([], [("player",)])


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_the_player_of_a_refused_event_is_logged_only_at_debug(
    database: Database, caplog: pytest.LogCaptureFixture, level: int, pytestconfig: pytest.Config
) -> None:
    caplog.set_level(level)
    flush(database, CATALOGUE, [poisonous(kill(1)), kill(2)._replace(user_id="poison", stat=BROKEN)], soon())
    lines = [JsonFormatter(worker=None, personal=level == logging.DEBUG).format(record) for record in caplog.records]
    assert [record.levelno for record in caplog.records if record.levelno > logging.DEBUG] == [
        logging.WARNING,
        logging.ERROR,
    ]
    # Errors of nodes do not name the constraint.
    assert ("tally_sum_saturates" in lines[0]) != pytestconfig.getoption("--citus")
    assert any("poison" in line for line in lines) == (level == logging.DEBUG)


def test_a_stat_without_goals_is_tallied(database: Database) -> None:
    assert flush(database, CATALOGUE, [kill(1)._replace(stat=LOGIN_STAT)], soon()) == [Outcome(Verdict.APPLIED)]
    assert view_player(database, "player", soon()).tallies[LOGIN_STAT].measures.sum == 1


def test_events_around_midnight_belong_to_their_own_days_whenever_they_are_flushed(database: Database) -> None:
    daily = goal("daily", counting=Counting.DAYS, target=2)
    midnight = (FIRST_DAY + 1) * DAY
    edges = [Event(f"{time}", "player", time, KILLS, delta=1) for time in (midnight - 1, midnight, midnight + DAY - 1)]
    outcomes = flush(database, catalogue_of(daily), edges, soon())
    assert [len(outcome.completions) for outcome in outcomes if outcome] == [0, 1, 0]
    assert view_player(database, "player", soon()).tallies[KILLS].measures.day_count == 2
