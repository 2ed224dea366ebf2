"""Tallies of distinct values: bounded, exact with concurrent writers, and pruned with their periods."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, count

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.goal import DISTINCT_MAX, LOGIN, Aspect, Counting, DerivedStat, Goal, Stat
from shared.domain.instant import DAY, HOUR
from shared.domain.schedules import DAILY, LIFETIME, Schedule
from shared.operations.events.prune_tallies import TallyPruning
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.support.databases import connected, flushed, opened, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

pytestmark = pytest.mark.usefixtures("patient_pool")

NOW = FIRST_DAY * DAY
_ids = (f"event {number}" for number in count())


def maps_of(base: Stat) -> DerivedStat:
    return DerivedStat(base.code or "login", base, (), Aspect.DISTINCT, "map")


def distinct_goal(target: int, schedule: Schedule = LIFETIME, base: Stat = KILLS) -> Goal:
    looked_at = maps_of(base)
    plain = goal(f"{target} {schedule.text}", stat=looked_at.stat, counting=Counting.DISTINCT, schedule=schedule)
    return replace(plain, target=target, derived=looked_at)


def catalogue(*goals: Goal) -> Catalogue:
    derived = dict.fromkeys(each.derived for each in goals if each.derived is not None)
    return replace(catalogue_of(*goals), derived_stats=tuple(derived))


def visit(number: int, *, day: int = 0, stat: Stat = KILLS) -> Event:
    return Event(next(_ids), "player", NOW + day * DAY, stat, 1, None, (("map", f"map {number}"),))


def counted(database: Database, base: Stat = KILLS) -> int:
    return view_player(database, "player", soon()).tallies[maps_of(base).stat].measures.sum


def stored_values(database_url: str) -> int:
    with connected(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM distinct_value").fetchone()
    assert row is not None
    return int(row[0])


def test_a_tally_counts_a_thousand_values_and_then_no_more(one_connection: Database) -> None:
    of_goals = catalogue(distinct_goal(DISTINCT_MAX), distinct_goal(3))
    numbers = [visit(number) for number in range(DISTINCT_MAX - 1)]
    assert [key.goal_id for outcome in flushed(one_connection, of_goals, numbers) for key in outcome.completions] == [
        "3 lifetime"
    ]
    assert counted(one_connection) == DISTINCT_MAX - 1
    [reached] = flushed(one_connection, of_goals, [visit(-1)])
    assert [key.goal_id for key in reached.completions] == ["1000 lifetime"]
    flushed(one_connection, of_goals, [visit(-2), visit(-3)])
    assert counted(one_connection) == DISTINCT_MAX


def test_the_event_that_brings_the_missing_value_completes_the_goal(one_connection: Database) -> None:
    of_goals = catalogue(distinct_goal(3))
    flushed(one_connection, of_goals, [visit(1)])
    outcomes = flushed(one_connection, of_goals, [visit(1), visit(2), visit(2), visit(3), visit(4)])
    assert [bool(outcome.completions) for outcome in outcomes] == [False, False, False, True, False]


def test_each_period_counts_a_value_again(one_connection: Database) -> None:
    of_goals = catalogue(distinct_goal(2, DAILY), distinct_goal(3))
    outcomes = flushed(
        one_connection, of_goals, [visit(1), visit(2), visit(1, day=1), visit(2, day=1), visit(3, day=1)]
    )
    assert [[(key.goal_id, key.period_start) for key in outcome.completions] for outcome in outcomes] == [
        [],
        [("2 day/UTC", NOW)],
        [],
        [("2 day/UTC", NOW + DAY)],
        [("3 lifetime", 0)],
    ]


def test_logins_have_attributes_too(one_connection: Database) -> None:
    of_goals = catalogue(distinct_goal(2, base=LOGIN))
    logins = [visit(number, stat=LOGIN)._replace(delta=None) for number in (1, 1, 2)]
    assert [bool(outcome.completions) for outcome in flushed(one_connection, of_goals, logins)] == [False, False, True]


def test_concurrent_writers_count_each_value_once(database_url: str) -> None:
    of_goals = catalogue(distinct_goal(20), distinct_goal(20, DAILY))
    with opened(database_url, pool_size=8) as database, ThreadPoolExecutor(8) as threads:
        writes = [[visit(number % 25) for number in range(start, start + 10)] for start in range(0, 80, 2)]
        outcomes = chain.from_iterable(threads.map(lambda batch: flushed(database, of_goals, batch), writes))
        completed = [key.goal_id for outcome in outcomes for key in outcome.completions]
        assert sorted(completed) == ["20 day/UTC", "20 lifetime"]
        assert counted(database) == 25
    assert stored_values(database_url) == 50


def test_values_of_past_periods_are_pruned_with_their_tallies(database_url: str) -> None:
    of_goals = catalogue(distinct_goal(2, DAILY))
    with opened(database_url) as database:
        flushed(database, of_goals, [visit(number, day=day) for day in (0, 30) for number in range(3)])
        assert stored_values(database_url) == 9
        TallyPruning(database, lambda _: False).one_pass(of_goals, 3 * DAY, NOW + 30 * DAY + HOUR)
        assert stored_values(database_url) == 6
        assert counted(database) == 3


def test_events_without_the_attribute_and_repeated_events_count_nothing(one_connection: Database) -> None:
    of_goals = catalogue(distinct_goal(2))
    event = visit(1)
    flushed(one_connection, of_goals, [event, event, event._replace(event_id="other", attributes=())])
    flushed(one_connection, of_goals, [event, visit(1)])
    assert counted(one_connection) == 1
