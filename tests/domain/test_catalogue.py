"""What the engine looks up in a catalogue follows from its goals."""

from __future__ import annotations

from hypothesis import given

from shared.domain.catalogue import LOGIN, Catalogue, Counting, Source, Stat
from tests.support.strategies import catalogues


@given(catalogues())
def test_every_goal_stands_on_one_ladder_of_its_stat_by_rising_target(catalogue: Catalogue) -> None:
    standing = []
    for stat, ladders in catalogue.ladders.items():
        assert len({ladder.counting for ladder in ladders}) == len(ladders)
        for ladder in ladders:
            assert list(ladder.targets) == sorted(ladder.targets) == [goal.target for goal in ladder.goals]
            for goal in ladder.goals:
                assert goal.stat == stat
                assert ladder.counting == (Counting.HIGHEST if goal.counting is Counting.LATEST else goal.counting)
                standing.append(goal.id)
    assert sorted(standing) == sorted(catalogue.goals)


@given(catalogues())
def test_what_goals_watch_and_what_is_declared_is_wanted_and_so_are_logins(catalogue: Catalogue) -> None:
    watched = {goal.stat for goal in catalogue.goals.values()}
    declared = {Stat(Source.STAT, code) for code in catalogue.declared_stats}
    assert catalogue.wanted == watched | declared | {LOGIN}


@given(catalogues())
def test_days_are_counted_exactly_for_logins_and_stats_with_a_goal_that_counts_days(catalogue: Catalogue) -> None:
    assert LOGIN in catalogue.day_counted
    for stat in catalogue.wanted - {LOGIN}:
        counted = any(goal.stat == stat and goal.counting is Counting.DAYS for goal in catalogue.goals.values())
        assert (stat in catalogue.day_counted) == counted


@given(catalogues())
def test_goals_are_found_by_id_in_the_order_of_the_catalogue(catalogue: Catalogue) -> None:
    in_order = [goal for challenge in catalogue.challenges for goal in challenge.goals]
    assert list(catalogue.goals.values()) == in_order
    assert [goal for goal in in_order if goal.default_assigned] == list(catalogue.default_goals)
    assert all(catalogue.goals[goal.id] is goal for goal in in_order)
