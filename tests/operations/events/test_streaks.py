"""Streaks in the database: days add up to the same streaks in any order and splitting, and by any later rule."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods, shown_periods
from shared.domain.events import Event
from shared.domain.goal import LOGIN, Counting, DerivedStat, Goal, Stat
from shared.domain.grants import Granting
from shared.domain.instant import DAY, HOUR, Day, Instant
from shared.domain.progress import GoalState, goal_status
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import LIFETIME, WEEKLY, Schedule
from shared.domain.streaks import Streak, StreakRule
from shared.operations.goals.activate import set_goal_active
from shared.operations.goals.keep_completions import keep_completions
from shared.operations.goals.view_player import view_player
from shared.operations.statistics.player_statistics import read_player_statistics
from shared.postgres.database import Database
from tests.support.databases import flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.naive_counting import naive_streak
from tests.support.strategies import FIRST_DAY, KILLS

BOW = DerivedStat("bow", KILLS, (("weapon", ("bow",)),))
MONTH_IN_TOKYO = Schedule(Recurrence(Every.MONTH, 5 * 60, "Asia/Tokyo"))
RULES = (StreakRule(), StreakRule(1), StreakRule(outages=(FIRST_DAY + 2, FIRST_DAY + 5)))
SPAN = 10
"""Days on which there may be events."""


def streak(
    goal_id: str, target: int, rule: StreakRule = RULES[0], schedule: Schedule = LIFETIME, stat: Stat = KILLS
) -> Goal:
    plain = goal(goal_id, stat=stat, counting=Counting.STREAK, target=target, schedule=schedule)
    return replace(plain, streak=rule, derived=BOW if stat == BOW.stat else None)


def catalogue(rules: tuple[StreakRule, ...] = RULES) -> Catalogue:
    goals = [
        streak(f"{stat.source} {number} {schedule.text} {target}", target, rule, schedule, stat)
        for number, rule in enumerate(rules)
        for schedule in (LIFETIME, WEEKLY, MONTH_IN_TOKYO)
        for stat in (KILLS, BOW.stat, LOGIN)
        for target in (1, 2, 3, 5)
    ]
    return replace(catalogue_of(*goals), derived_stats=(BOW,))


CATALOGUE = catalogue()
NOW = (FIRST_DAY + SPAN) * DAY + 7 * HOUR
_times = st.tuples(st.integers(0, SPAN - 1), st.sampled_from((0, 7, 19, 20, 23))).map(
    lambda drawn: (FIRST_DAY + drawn[0]) * DAY + drawn[1] * HOUR
)
_events = st.lists(st.tuples(_times, st.sampled_from((LOGIN, KILLS, BOW.stat))), min_size=1, max_size=14).map(
    lambda drawn: [
        Event(f"event {number}", "", time, LOGIN)
        if stat == LOGIN
        else Event(f"event {number}", "", time, KILLS, 1, None, (("weapon", "bow"),) if stat == BOW.stat else ())
        for number, (time, stat) in enumerate(drawn)
    ]
)
_players = (f"streaks {number}" for number in range(10**9))


def days_of(events: list[Event], each: Goal) -> dict[Instant, set[Day]]:
    """Return the days with an event of the goal's stat, by the start of the period."""
    found: dict[Instant, set[Day]] = defaultdict(set)
    for event in events:
        seen = event.stat == each.stat or (each.derived is not None and bool(event.attributes))
        period = each.schedule.period_at(event.time)
        if seen and period is not None:
            found[period.start].add(each.schedule.day_at(event.time))
    return found


@settings(max_examples=30)
@given(_events, st.randoms(use_true_random=False))
def test_days_in_any_order_splitting_and_repetition_complete_the_same_streaks(
    one_connection: Database, events: list[Event], chance: random.Random
) -> None:
    player = next(_players)
    sent = [event._replace(user_id=player) for event in events]
    repeated = [*sent, *chance.choices(sent, k=3)]
    chance.shuffle(repeated)
    cut = chance.randint(0, len(repeated))
    completed = [
        (key.goal_id, key.period_start)
        for batch in (repeated[:cut], repeated[cut:])
        for outcome in (flushed(one_connection, CATALOGUE, batch) if batch else ())
        for key in outcome.completions
    ]
    goals = CATALOGUE.goals.values()
    assert sorted(completed) == sorted(
        (each.id, start)
        for each in goals
        for start, days in days_of(sent, each).items()
        if each.streak is not None and naive_streak(days, each.streak, 0).longest >= each.target
    )
    # The reload has other rules, which hold for all days that were counted.
    for now in (NOW, NOW - 8 * DAY):
        for later in (CATALOGUE, catalogue((StreakRule(2), StreakRule(0, tuple(range(FIRST_DAY, FIRST_DAY + 9)))))):
            view = view_player(one_connection, player, soon(), current_periods(later, now))
            for each in later.goals.values():
                period = each.schedule.shown_at(now)
                assert period is not None
                assert each.streak is not None
                expected = naive_streak(
                    days_of(sent, each).get(period.start, ()), each.streak, each.schedule.day_at(now)
                )
                assert view.streak_of(each) == expected
                status = goal_status(each, view, later)
                if (each.id, period.start) not in completed:
                    assert status.progress == min(expected.longest, each.target)
                    assert status.completed == (expected.longest >= each.target)
            counted = [goal_status(each, view, later).state for each in later.goals.values()]
            statistics = read_player_statistics(one_connection, later, player, now, soon())
            assert statistics.under_way == counted.count(GoalState.IN_PROGRESS)


def play(database: Database, definitions: Catalogue, *days: int) -> list[list[str]]:
    """Flush an event on each of these days, one by one, and return what each completed."""
    found = []
    for day in days:
        event = Event(f"on {day}", "player", (FIRST_DAY + day) * DAY + HOUR, KILLS, delta=1)
        [outcome] = flushed(database, definitions, [event])
        found.append(sorted(key.goal_id for key in outcome.completions))
    return found


def test_a_late_event_joins_two_runs(database: Database) -> None:
    definitions = catalogue_of(streak("five", 5), streak("two", 2))
    assert play(database, definitions, 0, 1, 3, 4, 2) == [[], ["two"], [], [], ["five"]]


def test_an_outage_repairs_streaks_and_its_removal_takes_no_completion(database: Database) -> None:
    plain, repaired = catalogue_of(streak("four", 4)), catalogue_of(streak("four", 4, StreakRule(0, (FIRST_DAY + 2,))))
    now = (FIRST_DAY + 4) * DAY + 2 * HOUR
    assert play(database, plain, 0, 1, 3, 4) == [[], [], [], []]
    shown = shown_periods(plain, now)
    assert view_player(database, "player", soon(), shown).streak_of(plain.goals["four"]) == Streak(2, 2)
    of_repaired = shown_periods(repaired, now)
    view = view_player(database, "player", soon(), of_repaired)
    assert view.streak_of(repaired.goals["four"]) == Streak(4, 4)
    keep_completions(database, repaired, "player", view, of_repaired, now, soon(), Granting(now))
    assert goal_status(plain.goals["four"], view_player(database, "player", soon(), shown), plain).completed


def test_an_inactive_goal_keeps_its_progress_and_completes_once_it_is_active(database: Database) -> None:
    optional = streak("three", 3)
    definitions = catalogue_of(optional, streak("four", 4, schedule=WEEKLY))
    # FIRST_DAY is a Wednesday.
    assert play(database, definitions, 0) == [[]]
    now = FIRST_DAY * DAY + 2 * HOUR
    set_goal_active(database, definitions, "player", optional, False, now, soon())
    assert play(database, definitions, 1, 2, 3) == [[], [], ["four"]]
    view = view_player(database, "player", soon(), current_periods(definitions, now))
    assert goal_status(optional, view, definitions).progress == 1
    later = now + 9 * DAY
    activated = set_goal_active(database, definitions, "player", optional, True, later, soon())
    assert goal_status(optional, activated, definitions).completed
    assert activated.streak_of(optional) == Streak(4, 0)
