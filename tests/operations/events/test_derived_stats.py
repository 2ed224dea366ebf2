"""Derived stats in the database: what events with attributes add up to, in any order and splitting."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.goal import Aspect, Counting, DerivedStat, Goal, Source, Stat
from shared.domain.instant import DAY, HOUR
from shared.domain.schedules import DAILY, LIFETIME
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.support.databases import flushed, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY

KILLS = Stat(Source.STAT, "kills")
BOW = DerivedStat("bow", KILLS, (("weapon", ("bow", "crossbow")),))
RANKED_BOW = DerivedStat("ranked bow", KILLS, (("mode", ("ranked",)), ("weapon", ("bow",))))
DERIVED = (BOW, RANKED_BOW)
MAPS = DerivedStat("kills", KILLS, (), Aspect.DISTINCT, "map")
MAPS_WITH_BOW = DerivedStat("bow", KILLS, BOW.where, Aspect.DISTINCT, "map")
LEAST = DerivedStat("kills", KILLS, (), Aspect.LOWEST)
GROWTH = DerivedStat("kills", KILLS, (), Aspect.GROWTH)
GROWTH_WITH_BOW = DerivedStat("bow", KILLS, BOW.where, Aspect.GROWTH)
GOALS = tuple(
    replace(
        goal(
            f"{each.id} {counting} {schedule.text}", stat=each.stat, counting=counting, target=target, schedule=schedule
        ),
        derived=each,
    )
    for each in DERIVED
    for counting, target in ((Counting.SUM, 5), (Counting.EVENTS, 2), (Counting.HIGHEST, 4), (Counting.DAYS, 2))
    for schedule in (LIFETIME, DAILY)
    if counting is not Counting.DAYS or schedule == LIFETIME
)
GOALS += tuple(
    replace(
        goal(
            f"{each.id} maps {schedule.text}", stat=each.stat, counting=Counting.DISTINCT, target=2, schedule=schedule
        ),
        derived=each,
    )
    for each in (MAPS, MAPS_WITH_BOW)
    for schedule in (LIFETIME, DAILY)
)
GOALS += tuple(
    replace(
        goal(
            f"least {at_most} {schedule.text}", stat=LEAST.stat, counting=Counting.LOWEST, target=1, schedule=schedule
        ),
        derived=LEAST,
        at_most=at_most,
    )
    for at_most in (0, 2)
    for schedule in (LIFETIME, DAILY)
)
GOALS += tuple(
    replace(
        goal(
            f"{each.id} growth {target} {schedule.text}",
            stat=each.stat,
            counting=Counting.GROWTH,
            target=target,
            schedule=schedule,
        ),
        derived=each,
    )
    for each in (GROWTH, GROWTH_WITH_BOW)
    for target in (1, 5)
    for schedule in (LIFETIME, DAILY)
)
CATALOGUE = replace(catalogue_of(*GOALS), derived_stats=(*DERIVED, MAPS, MAPS_WITH_BOW, LEAST, GROWTH, GROWTH_WITH_BOW))

_weapons = st.sampled_from(((), (("weapon", "bow"),), (("weapon", "crossbow"),)))
_modes = st.sampled_from(((), (("mode", "ranked"),)))
_maps = st.sampled_from(((), (("map", "dust"),), (("map", "ice"),), (("map", "moon"),)))
_times = st.integers(0, 3).map(lambda day: (FIRST_DAY + day) * DAY + 7 * HOUR)
_events = st.lists(
    st.tuples(_times, st.none() | st.integers(0, 3), st.none() | st.integers(-1, 5), _maps, _modes, _weapons),
    min_size=1,
    max_size=12,
).map(
    lambda drawn: [
        Event(f"event {number}", "", time, KILLS, delta, value, (*in_map, *mode, *weapon))
        for number, (time, delta, value, in_map, mode, weapon) in enumerate(drawn)
    ]
)
_players = (f"derived {number}" for number in range(10**9))


def counts(definition: DerivedStat, event: Event) -> bool:
    attributes = dict(event.attributes)
    return all(attributes.get(key) in values for key, values in definition.where)


def reached(events: list[Event], each: Goal) -> bool:
    if each.at_most is not None:
        return any(event.value is not None and event.value <= each.at_most for event in events)
    return judged(events, each.counting) >= each.target


def grown(changes: list[tuple[int, int]]) -> int:
    return max(value for value, _ in changes) - min(value - delta for value, delta in changes) if changes else 0


def judged(events: list[Event], counting: Counting) -> int:
    return {
        Counting.SUM: sum(event.delta or 0 for event in events),
        Counting.EVENTS: len(events),
        Counting.HIGHEST: max((event.value or 0 for event in events), default=0),
        Counting.GROWTH: grown([(event.value, event.delta or 0) for event in events if event.value is not None]),
        Counting.DISTINCT: len({dict(event.attributes).get("map") for event in events} - {None}),
        Counting.DAYS: len({event.time // DAY for event in events}),
    }[counting]


@settings(max_examples=40)
@given(_events, st.randoms(use_true_random=False))
def test_events_in_any_order_splitting_and_repetition_complete_the_same_goals(
    one_connection: Database, events: list[Event], chance: random.Random
) -> None:
    player = next(_players)
    sent = [event._replace(user_id=player) for event in events]
    completed = [key for batch in _batches(sent, chance) for key in _completed(one_connection, batch)]
    expected = set()
    for each in GOALS:
        assert each.derived is not None
        counted = [event for event in sent if counts(each.derived, event)]
        by_period: dict[int, list[Event]] = defaultdict(list)
        for event in counted:
            by_period[0 if each.schedule == LIFETIME else event.time // DAY * DAY].append(event)
        expected |= {(each.id, start) for start, of in by_period.items() if reached(of, each)}
    assert sorted(completed) == sorted(expected)
    tallies = view_player(one_connection, player, soon()).tallies
    for definition in DERIVED:
        counted = [event for event in sent if counts(definition, event)]
        assert definition.stat in tallies or not counted
        if counted:
            assert tallies[definition.stat].measures.sum == judged(counted, Counting.SUM)
    assert tallies[KILLS].measures.events == len(sent)


def _completed(database: Database, batch: list[Event]) -> list[tuple[str, int]]:
    outcomes = flushed(database, CATALOGUE, batch)
    return [(key.goal_id, key.period_start) for outcome in outcomes for key in outcome.completions]


def _batches(events: list[Event], chance: random.Random) -> list[list[Event]]:
    repeated = [*events, *chance.choices(events, k=3)]
    chance.shuffle(repeated)
    cuts = sorted(chance.choices(range(1, len(repeated) + 1), k=2))
    found = [repeated[: cuts[0]], repeated[cuts[0] : cuts[1]], repeated[cuts[1] :]]
    return [batch for batch in found if batch]


def test_an_event_is_late_if_it_counts_for_a_period_of_a_derived_stat_alone(one_connection: Database) -> None:
    catalogue: Catalogue = replace(
        catalogue_of(replace(goal("daily", stat=BOW.stat, schedule=DAILY), derived=BOW)), derived_stats=DERIVED
    )
    time = FIRST_DAY * DAY
    plain, with_bow = (Event(f"{name}", "late", time, KILLS, 1, None, name) for name in ((), (("weapon", "bow"),)))
    ends = [outcome.credited_until for outcome in flushed(one_connection, catalogue, [plain, with_bow])]
    assert ends == [None, time + DAY]
