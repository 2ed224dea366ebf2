"""Selections of several goals: each does at once what the switches that it names do one by one."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.current_periods import current_periods
from shared.domain.goal import Goal
from shared.domain.progress import is_active
from shared.operations.goals.select_goals import Selected, select_goals
from shared.operations.goals.view_player import view_player
from shared.postgres.database import Database
from tests.operations.stories import PLAYERS, Report, Story, Switch, Take, Wait, stories
from tests.operations.system import System
from tests.support.databases import soon
from tests.support.laws import examples


class Choose(NamedTuple):
    """A player selects goals of one challenge, by their numbers."""

    player: str
    challenge: int
    goals: frozenset[int]
    replace: bool


choices = st.builds(
    Choose,
    st.sampled_from(PLAYERS),
    st.integers(0, 3),
    st.frozensets(st.integers(0, 5), min_size=1, max_size=3),
    st.booleans(),
)


def select(system: System, choice: Choose) -> tuple[set[str], Selected]:
    """Select goals, and return the chosen ones and the switches."""
    challenges = system.catalogue.challenges
    challenge = challenges[choice.challenge % len(challenges)]
    chosen = {challenge.goals[number % len(challenge.goals)].id for number in choice.goals}
    user_id = system.prefix + choice.player
    outcome = select_goals(
        system.database, system.catalogue, user_id, challenge, chosen, choice.replace, None, system.now, soon()
    )
    stored = view_player(system.database, user_id, soon(), current_periods(system.catalogue, system.now))
    assert outcome.view.assignments == stored.assignments
    assert outcome.view.completions == stored.completions
    return chosen, outcome.result


def is_on(system: System, player: str, goal: Goal) -> bool:
    """Return True if the goal is active for the player."""
    view = view_player(system.database, system.prefix + player, soon(), current_periods(system.catalogue, system.now))
    return is_active(goal, view.assignments.get(goal.id), view.completions.get(goal.id))


@examples(15, slow=100)
def test_a_selection_is_its_switches_one_by_one(one_connection: Database, examples: int) -> None:
    @settings(max_examples=examples)
    @given(stories(), st.lists(choices, min_size=1, max_size=4), st.data())
    def law(story: Story, chosen: list[Choose], data: st.DataObject) -> None:
        steps: list[object] = [step for step in story.steps if isinstance(step, Report | Switch | Take | Wait)]
        for choice in chosen:
            steps.insert(data.draw(st.integers(0, len(steps))), choice)
        at_once, singly = System(one_connection, story.catalogue), System(one_connection, story.catalogue)
        for step in steps:
            if isinstance(step, Choose):
                wanted, switched = select(at_once, step)
                for goal_id in switched.deactivated:
                    singly.set_active(step.player, singly.catalogue.goals[goal_id], False)
                for goal_id in switched.activated:
                    singly.set_active(step.player, singly.catalogue.goals[goal_id], True)
                assert all(is_on(at_once, step.player, at_once.catalogue.goals[goal_id]) for goal_id in wanted)
                assert wanted.isdisjoint(switched.deactivated)
                assert wanted.issuperset(switched.activated)
                assert step.replace or not switched.deactivated
            for system in (at_once, singly):
                match step:
                    case Report(batch):
                        system.report(batch)
                    case Switch(player, goal, active):
                        system.set_active(player, goal, active)
                    case Take(player, goal):
                        system.claim(player, goal)
                    case Wait(now):
                        system.now = now
            for player in PLAYERS:
                assert at_once.statuses(player) == singly.statuses(player)
                assert at_once.reached(player) == singly.reached(player)
        assert at_once.claims().keys() == singly.claims().keys()

    law()
