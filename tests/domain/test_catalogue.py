"""The lookup tables of a catalogue, derived from its goals."""

from __future__ import annotations

from hypothesis import given

from shared.domain.catalogue import Catalogue
from shared.domain.goal import LOGIN, Counting, Source, Stat
from shared.domain.tally import JUDGED_BY
from tests.support.strategies import REPEATS, SCHEDULES, catalogues


@given(catalogues(schedules=SCHEDULES, repeats=REPEATS))
def test_every_rung_is_on_one_ladder_of_its_schedule_and_stat_by_ascending_target(catalogue: Catalogue) -> None:
    on_ladders = []
    by_both = [(text, stat, found) for text, by_stat in catalogue.ladders.items() for stat, found in by_stat.items()]
    for schedule, stat, ladders in by_both:
        assert len({ladder.measure for ladder in ladders}) == len(ladders)
        for ladder in ladders:
            assert list(ladder.targets) == sorted(ladder.targets) == [rung.target for rung in ladder.rungs]
            for goal, occurrence in ladder.rungs:
                assert goal.stat == stat
                assert goal.schedule.text == schedule
                assert ladder.measure == JUDGED_BY[goal.counting]
                on_ladders.append((goal.id, occurrence))
    assert sorted(on_ladders) == sorted(
        (goal.id, occurrence)
        for goal in catalogue.goals.values()
        if not goal.suspended
        for occurrence in range(1, goal.repeat + 1)
    )


@given(catalogues())
def test_stats_of_goals_declared_stats_and_logins_are_wanted(catalogue: Catalogue) -> None:
    watched = {goal.stat for goal in catalogue.goals.values()}
    declared = {Stat(Source.STAT, code) for code in catalogue.declared_stats}
    assert catalogue.wanted == watched | declared | {LOGIN}


@given(catalogues())
def test_days_are_counted_only_for_logins_and_stats_with_a_goal_that_counts_days(catalogue: Catalogue) -> None:
    assert LOGIN in catalogue.day_counted
    for stat in catalogue.wanted - {LOGIN}:
        counted = any(goal.stat == stat and goal.counting is Counting.DAYS for goal in catalogue.goals.values())
        assert (stat in catalogue.day_counted) == counted


@given(catalogues())
def test_goals_are_indexed_by_id_in_catalogue_order(catalogue: Catalogue) -> None:
    in_order = [goal for challenge in catalogue.challenges for goal in challenge.goals]
    assert list(catalogue.goals.values()) == in_order
    assert [goal for goal in in_order if goal.default_assigned] == list(catalogue.default_goals)
    assert all(catalogue.goals[goal.id] is goal for goal in in_order)
