"""Goals that a change completes, and the completing event: bisection against checking every goal and every event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.crossing import crossed, crossing_position
from shared.domain.events import Event
from shared.domain.goal import AMOUNT_MAX, Counting, Stat
from shared.domain.rungs import Rung
from shared.domain.schedules import LIFETIME, Schedule
from shared.domain.tally import Measures, Tally
from tests.support.goals import goal
from tests.support.strategies import KILLS, REPEATS, SCHEDULES, STATS, catalogues, events, goal_of

measures = st.builds(
    Measures,
    st.integers(0, 10),
    st.integers(0, 10),
    st.one_of(st.none(), st.integers(-3, 10), st.just(AMOUNT_MAX)),
    st.integers(0, 10),
)


@given(
    catalogues(schedules=SCHEDULES, repeats=REPEATS),
    st.sampled_from(SCHEDULES),
    st.sampled_from(STATS),
    measures,
    measures,
)
def test_crossed_rungs_have_a_target_above_before_and_up_to_after(
    catalogue: Catalogue, schedule: Schedule, stat: Stat, before: Measures, after: Measures
) -> None:
    expected = {
        (goal.id, occurrence)
        for goal in catalogue.goals.values()
        for occurrence in range(1, goal.repeat + 1)
        if (goal.stat, goal.schedule) == (stat, schedule)
        and not goal.suspended
        and before.judged_by(goal.counting) < goal.target * occurrence <= after.judged_by(goal.counting)
    }
    found = [
        (rung.goal.id, rung.occurrence)
        for rung in crossed(catalogue.ladders.get(schedule.text, {}).get(stat, ()), before, after)
    ]
    assert set(found) == expected
    assert len(found) == len(expected)


@given(st.data())
def test_the_crossing_event_is_the_first_that_reaches_the_target(data: st.DataObject) -> None:
    goal = data.draw(catalogues(goals_max=1).flatmap(goal_of))
    of_the_stat = events().map(lambda event: event._replace(stat=goal.stat))
    tally = Tally()
    for event in data.draw(st.lists(of_the_stat, max_size=3)):
        tally.add(event, by_day=True)
    before, days_before = tally.measures, frozenset(tally.days)
    fresh = data.draw(st.lists(of_the_stat, max_size=8))

    expected = None
    for position, event in enumerate(fresh):
        tally.add(event, by_day=True)
        if tally.measures.judged_by(goal.counting) >= goal.target:
            expected = position
            break
    if expected is None:
        with pytest.raises(ValueError, match="no event reaches"):
            crossing_position(Rung(goal), before, days_before, fresh)
    else:
        assert crossing_position(Rung(goal), before, days_before, fresh) == expected


_changes = st.lists(st.tuples(st.none() | st.integers(0, 4), st.integers(-3, 9)), max_size=8)


@given(_changes, _changes, st.integers(1, 12))
def test_the_event_that_reaches_a_growth_is_found(
    earlier: list[tuple[int | None, int]], changes: list[tuple[int | None, int]], target: int
) -> None:
    tally = Tally()
    for delta, value in earlier:
        tally.add_growth(Event("", "", 0, KILLS, delta, value))
    before = tally.measures
    events = [Event("", "", 0, KILLS, delta, value) for delta, value in changes]
    all_changes = [*earlier, *changes]
    reached = [
        position for position in range(len(changes)) if growth(all_changes[: len(earlier) + position + 1]) >= target
    ]
    rung = Rung(goal(counting=Counting.GROWTH, target=target))
    if reached:
        assert crossing_position(rung, before, (), events) == reached[0]
    else:
        with pytest.raises(ValueError, match="no event reaches"):
            crossing_position(rung, before, (), events)


def growth(changes: list[tuple[int | None, int]]) -> int:
    """Return the highest value minus the lowest value before an event."""
    return max(value for _, value in changes) - min(value - (delta or 0) for delta, value in changes)


@given(catalogues(), measures)
def test_unchanged_measures_cross_nothing(catalogue: Catalogue, unchanged: Measures) -> None:
    for ladders in catalogue.ladders.get(LIFETIME.text, {}).values():
        assert list(crossed(ladders, unchanged, unchanged)) == []
