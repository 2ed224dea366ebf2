"""The operations against a naive model that keeps every event and computes everything by definition.

Random catalogues with every counting, schedules, seasons that return, windows and prerequisites, and later versions of
them; batches with
repetitions, collisions of ids, in any order and over several days; activations, deactivations, claims, refunds and
adjusted points between them, at instants before and after the events; time zones that players name before and after
events that count by their own days.
"""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.events import Event
from shared.domain.instant import DAY, HOUR
from shared.postgres.database import Database
from tests.operations.stories import (
    FIRST,
    NOW,
    PLAYERS,
    Adjust,
    Name,
    Reload,
    Report,
    Step,
    Story,
    Switch,
    Take,
    Undo,
    Wait,
    arrivals,
    arrivals_of_countings,
    shuffled_batches,
    stories,
    stories_in_seasons,
    stories_in_zones,
    stories_of_countings,
)
from tests.operations.system import System
from tests.support.laws import examples
from tests.support.naive_model import NaiveModel
from tests.support.strategies import DAYS


def compare(system: System, model: NaiveModel, step: Step) -> None:
    """Do a step in both, and compare all results."""
    completed_before, goals = set(model.completed), system.catalogue.goals
    match step:
        case Report(batch):
            verdicts, completed = system.report(batch)
            assert verdicts == model.report(batch)
            assert completed == model.completed - completed_before
        case Switch(player, goal, active):
            system.set_active(player, goals[goal.id], active)
            model.set_active(player, goals[goal.id], active)
        case Take(player, goal):
            assert system.claim(player, goals[goal.id]) == model.claim(player, goals[goal.id])
        case Undo(player, goal):
            claimed = max((key for key in model.claimed if key[:2] == (player, goal.id)), default=None)
            assert system.refund(player, goal) == claimed
            model.claimed -= {claimed}
        case Reload(catalogue):
            system.catalogue = catalogue
            model.reload(catalogue)
        case Wait(now):
            system.now = model.now = now
            model.latest = max(model.latest, now)
        case Name(player, zone, later):
            # Events from before a player names a zone keep their periods.
            now = model.latest = max([model.latest, *(event.time for event in model.events.values())]) + later
            assert system.name_zone(player, zone, now) == model.name_zone(player, zone, now)
        case Adjust(player, points):
            system.adjust(player, points)
            model.adjust(player, points, NOW)
    compare_players(system, model)


def compare_players(system: System, model: NaiveModel) -> None:
    """Compare all that both players see."""
    for player in PLAYERS:
        assert system.statuses(player) == {goal.id: model.status(player, goal) for goal in model.goals}
        shown = {goal.id: model.shown(player, goal) for goal in model.goals}
        assert system.shown(player) == {goal: status for goal, status in shown.items() if status is not None}
        assert system.reached(player) == model.reached(player)
        assert system.records(player) == {goal.id: model.records(player, goal) for goal in model.goals}


@examples(25, slow=140)
def test_every_goal_of_every_player_matches_the_naive_model(one_connection: Database, examples: int) -> None:
    @settings(max_examples=examples)
    @given(stories())
    def law(story: Story) -> None:
        play(one_connection, story)

    law()


@examples(10, slow=50)
def test_goals_by_the_days_of_a_players_zones_match_the_naive_model(one_connection: Database, examples: int) -> None:
    @settings(max_examples=examples)
    @given(stories_in_zones())
    def law(story: Story) -> None:
        play(one_connection, story)

    law()


@examples(20, slow=100)
def test_goals_of_seasons_and_windows_match_the_naive_model(one_connection: Database, examples: int) -> None:
    @settings(max_examples=examples)
    @given(stories_in_seasons())
    def law(story: Story) -> None:
        play(one_connection, story)

    law()


@examples(35, slow=200)
def test_goals_over_goals_and_points_match_the_naive_model(one_connection: Database, examples: int) -> None:
    @settings(max_examples=examples)
    @given(stories(over_goals=True))
    def law(story: Story) -> None:
        play(one_connection, story)

    law()


@examples(35, slow=200)
def test_every_way_of_counting_matches_the_naive_model_over_reloads(one_connection: Database, examples: int) -> None:
    @settings(max_examples=examples)
    @given(stories_of_countings())
    def law(story: Story) -> None:
        play(one_connection, story)

    law()


@examples(12, slow=80)
def test_events_in_any_order_splitting_and_repetition_match_the_naive_model(
    one_connection: Database, examples: int
) -> None:
    @settings(max_examples=examples)
    @given(st.one_of(arrivals(), arrivals_of_countings()), st.randoms(use_true_random=False))
    def law(arriving: tuple[Story, list[Event]], chance: random.Random) -> None:
        story, reported = arriving
        system, model = play(one_connection, story)
        model.report(reported)
        completed = [key for batch in shuffled_batches(reported, chance) for key in system.report(batch)[1]]
        assert sorted(completed) == sorted(model.completed)
        for now in range(FIRST, FIRST + (DAYS + 8) * DAY, 7 * HOUR):
            system.now = model.now = now
            compare_players(system, model)
        assert system.claims().keys() == model.claimed

    law()


def play(database: Database, story: Story) -> tuple[System, NaiveModel]:
    """Do all steps in both, and compare what was named and granted at the end."""
    system, model = System(database, story.catalogue), NaiveModel(story.catalogue, FIRST)
    for step in story.steps:
        compare(system, model, step)
    assert len(set(system.named)) == len(system.named)
    assert system.claims().keys() == model.claimed
    return system, model
