"""Goals with credit from their assignment count what is merged after they were last activated."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.current_periods import current_periods
from shared.domain.events import Event
from shared.domain.goal import Counting, Credit, DerivedStat, Goal
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.progress import GoalState, GoalStatus, goal_status
from shared.domain.schedules import DAILY, LIFETIME, WEEKLY, Schedule
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.view_player import view_player
from shared.operations.statistics.player_statistics import read_player_statistics
from shared.postgres.database import Database
from tests.support.databases import flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

BOW = DerivedStat("bow", KILLS, (("weapon", ("bow",)),))


def credited(goal_id: str, counting: Counting, target: int, schedule: Schedule = LIFETIME) -> Goal:
    plain = goal(goal_id, counting=counting, target=target, schedule=schedule, default_assigned=False)
    return replace(plain, credit=Credit.FROM_ASSIGNMENT)


GOALS = [
    credited(f"{counting} {target} {schedule.text}", counting, target, schedule)
    for counting, targets in ((Counting.SUM, (4,)), (Counting.EVENTS, (1, 3)), (Counting.DAYS, (2,)))
    for target in targets
    for schedule in (LIFETIME, DAILY, WEEKLY)
    if (counting, schedule) != (Counting.DAYS, DAILY)
]
GOALS.append(replace(credited("bow", Counting.EVENTS, 2), stat=BOW.stat, derived=BOW))
CATALOGUE = replace(catalogue_of(*GOALS, goal("ever", target=5)), derived_stats=(BOW,))
_players = (f"credit {number}" for number in range(10**9))


class Naive:
    """The expected behaviour for one player: every event is kept in the order in which it was merged."""

    def __init__(self) -> None:
        self.merged: dict[str, Event] = {}
        self.activated: dict[str, tuple[int, Instant]] = {}
        """The number of events merged before the activation, and its instant, of active goals."""
        self.frozen: dict[str, tuple[Instant, int]] = {}
        self.completed: set[tuple[str, Instant]] = set()

    def measure(self, each: Goal, start: Instant, number: int) -> int:
        period_at = each.schedule.period_at
        events = [
            event
            for event in list(self.merged.values())[:number]
            if (each.derived is None or event.attributes)
            and (period := period_at(event.time)) is not None
            and period.start == start
        ]
        if each.counting is Counting.SUM:
            return sum(event.delta or 0 for event in events)
        return len(events) if each.counting is Counting.EVENTS else len({event.time // DAY for event in events})

    def credit(self, each: Goal, start: Instant) -> int:
        if each.id not in self.activated:
            return 0
        number, instant = self.activated[each.id]
        measure = self.measure(each, start, len(self.merged))
        shown = each.schedule.shown_at(instant)
        if shown is not None and shown.start == start:
            return measure - self.measure(each, start, number)
        return measure if start > instant else 0

    def report(self, batch: list[Event]) -> set[tuple[str, Instant]]:
        for event in batch:
            self.merged.setdefault(event.event_id, event)
        starts = {
            (each.id, period.start): self.credit(each, period.start) >= each.target
            for each in GOALS
            for event in batch
            if (period := each.schedule.period_at(event.time)) is not None
        }
        new = {key for key, reached in starts.items() if reached} - self.completed
        self.completed |= new
        return new

    def switch(self, each: Goal, active: bool, now: Instant) -> None:
        period = each.schedule.shown_at(now)
        assert period is not None
        if active and each.id not in self.activated:
            self.frozen.pop(each.id, None)
            self.activated[each.id] = len(self.merged), now
        elif not active and each.id in self.activated:
            reached = (each.id, period.start) in self.completed
            shown = each.target if reached else min(self.credit(each, period.start), each.target)
            self.frozen[each.id] = period.start, shown
            del self.activated[each.id]

    def expected(self, each: Goal, now: Instant) -> tuple[GoalState, int]:
        period = each.schedule.shown_at(now)
        assert period is not None
        if (each.id, period.start) in self.completed:
            return GoalState.COMPLETED, each.target
        frozen_in, frozen = self.frozen.get(each.id, (None, 0))
        progress = self.credit(each, period.start) or (frozen if frozen_in == period.start else 0)
        return GoalState.IN_PROGRESS if progress else GoalState.NOT_STARTED, progress


def happen(database: Database, chance: random.Random) -> None:
    """Play one player's random history, and compare every step with the naive model."""
    model, player, now = Naive(), next(_players), FIRST_DAY * DAY + 9 * HOUR
    sent: list[Event] = []
    for number in range(chance.randint(3, 14)):
        if chance.random() < 0.55:
            new = [
                Event(
                    f"{number} {each}",
                    player,
                    now - chance.choice((0, 0, 0, 1, 1, 2)) * DAY,
                    KILLS,
                    chance.randint(0, 3),
                    None,
                    chance.choice(((), (("weapon", "bow"),))),
                )
                for each in range(chance.randint(1, 4))
            ]
            batch = [*new, *chance.choices([*sent, *new], k=chance.randint(0, 2))]
            chance.shuffle(batch)
            sent += new
            outcomes = flushed(database, CATALOGUE, batch)
            named = [(key.goal_id, key.period_start) for outcome in outcomes for key in outcome.completions]
            assert len(named) == len(set(named))
            assert {key for key in named if key[0] != "ever"} == model.report(batch)
        elif chance.random() < 0.8:
            each, active = chance.choice(GOALS), chance.random() < 0.7
            set_goal_active(database, CATALOGUE, player, each, active, now, soon())
            model.switch(each, active, now)
        else:
            now += chance.choice((HOUR, DAY, 4 * DAY))
        view = view_player(database, player, soon(), current_periods(CATALOGUE, now))
        shown = {each.id: goal_status(each, view, CATALOGUE) for each in CATALOGUE.goals.values()}
        assert {each.id: shown[each.id][2:4] for each in GOALS} == {
            each.id: model.expected(each, now) for each in GOALS
        }
        under_way = [each for each in shown.values() if each.active and each.state is GoalState.IN_PROGRESS]
        assert read_player_statistics(database, CATALOGUE, player, now, soon()).under_way == len(under_way)


@settings(max_examples=40)
@given(st.randoms(use_true_random=False))
def test_random_histories_of_events_and_switches_count_what_is_merged_between_two_switches(
    one_connection: Database, chance: random.Random
) -> None:
    happen(one_connection, chance)


WIN = credited("win", Counting.SUM, 3)
SMALL = catalogue_of(WIN, goal("ever", target=100))
NOW = FIRST_DAY * DAY + 9 * HOUR


def report(database: Database, event_id: str, delta: int, time: Instant = NOW) -> list[str]:
    [outcome] = flushed(database, SMALL, [Event(event_id, "player", time, KILLS, delta=delta)])
    return [key.goal_id for key in outcome.completions]


def status(database: Database) -> GoalStatus:
    return goal_status(WIN, view_player(database, "player", soon()), SMALL)


def test_progress_before_a_deactivation_does_not_count_once_it_is_active_again(database: Database) -> None:
    assert report(database, "before", 9) == []
    set_goal_active(database, SMALL, "player", WIN, True, NOW, soon())
    assert report(database, "first", 2) == []
    set_goal_active(database, SMALL, "player", WIN, True, NOW + 1, soon())
    assert status(database).progress == 2
    set_goal_active(database, SMALL, "player", WIN, False, NOW + 2, soon())
    assert report(database, "meanwhile", 5) == []
    assert status(database).progress == 2
    set_goal_active(database, SMALL, "player", WIN, True, NOW + 3, soon())
    assert status(database).progress == 0
    assert report(database, "second", 2) == []
    assert report(database, "third", 1) == ["win"]
    assert status(database).complete_time == NOW


@pytest.mark.parametrize("days", [1, 7])
def test_nothing_counts_in_periods_before_that_of_the_activation(database: Database, days: int) -> None:
    daily = credited("daily", Counting.SUM, 3, DAILY)
    definitions = catalogue_of(daily)
    set_goal_active(database, definitions, "player", daily, True, NOW, soon())
    late = Event("late", "player", NOW - days * DAY, KILLS, delta=9)
    [outcome] = flushed(database, definitions, [late])
    assert outcome.completions == ()
