"""Goals that repeat or have tiers, against a naive model: in any order and splitting, with switches and claims."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.catalogue import Catalogue
from shared.domain.current_periods import current_periods
from shared.domain.errors import ChallengeError
from shared.domain.events import Event
from shared.domain.goal import Goal
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.progress import goal_status
from shared.domain.reward import ClaimMode, Tier
from shared.domain.schedules import DAILY, LIFETIME, WEEKLY
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.list_claimable import list_claimable
from shared.postgres.database import Database
from tests.operations.stories import (
    FIRST,
    PLAYERS,
    Adjust,
    Report,
    Step,
    Story,
    Switch,
    Take,
    Wait,
    shuffled_batches,
    steps_of,
)
from tests.operations.system import System
from tests.support.databases import soon
from tests.support.naive_repeats import Occurrence, RepeatingModel, RepeatStatus
from tests.support.strategies import DAYS, catalogues, events, instants, with_goal


class RepeatingSystem(System):
    """The real operations, with occurrences."""

    def occurrences(self, batch: Sequence[Event]) -> tuple[list[object], set[Occurrence]]:
        """Apply events; return the verdicts and the completions that were named, each once."""
        before = len(self.named)
        verdicts, _ = self.report(batch)
        keys = self.named[before:]
        assert len(set(keys)) == len(keys)
        return verdicts, {(key.user_id.removeprefix(self.prefix), *key[1:]) for key in keys}

    def take(self, player: str, goal: Goal) -> type[ChallengeError] | tuple[Instant, int]:
        """Return why the claim is refused, or the start of the claimed period and the occurrence."""
        try:
            claim = claim_reward(self.database, self.catalogue, self.prefix + player, goal, None, self.now, soon())
        except ChallengeError as refusal:
            return type(refusal)
        return claim.key.period_start, claim.key.occurrence

    def repeat_statuses(self, player: str) -> dict[str, RepeatStatus]:
        view = view_player(self.database, self.prefix + player, soon(), current_periods(self.catalogue, self.now))
        statuses = {goal.id: goal_status(goal, view, self.catalogue) for goal in self.catalogue.goals.values()}
        return {goal: (*status[:4], status.occurrence, status.claimable) for goal, status in statuses.items()}

    def claimable(self, player: str) -> set[Occurrence]:
        found = list_claimable(self.database, self.catalogue, self.prefix + player, None, 1_000, self.now, soon())
        return {(player, each.goal.id, each.period.start, each.occurrence) for each in found}

    def take_all(self, player: str) -> set[Occurrence]:
        results = claim_all(
            self.database, self.catalogue, self.prefix + player, self.catalogue.goals.values(), self.now, soon()
        )
        return {(player, each.goal.id, each.period.start, each.occurrence) for each in results if each.newly_claimed}


@st.composite
def repeating(draw: st.DrawFn, claim_modes: Sequence[ClaimMode] = (ClaimMode.MANUAL,)) -> Catalogue:
    """Draw a catalogue of goals that some events complete several times."""
    catalogue = draw(
        catalogues(5, schedules=(LIFETIME, DAILY, WEEKLY), claim_modes=claim_modes, repeats=(1, 2, 3, 100))
    )
    for goal in catalogue.goals.values():
        repeats = replace(goal, target=1 + goal.target % 3, default_assigned=True)
        targets = sorted(draw(st.sets(st.integers(1, 9), min_size=2, max_size=4)))
        tiers = tuple(Tier(f"{target}", target, (goal.reward,), points=target % 3) for target in targets)
        in_tiers = replace(repeats, tiers=tiers, target=targets[-1], repeat=1, points=0)
        catalogue = with_goal(catalogue, in_tiers if goal.repeat == 2 else repeats)
    return catalogue


@st.composite
def repeating_stories(draw: st.DrawFn) -> Story:
    catalogue = draw(repeating())
    steps = steps_of(catalogue, instants).filter(lambda step: isinstance(step, Report | Switch | Take | Wait | Adjust))
    return Story(catalogue, draw(st.lists(steps, min_size=1, max_size=12)))


def compare(system: RepeatingSystem, model: RepeatingModel, step: Step) -> None:
    before = set(model.occurrences)
    match step:
        case Report(batch):
            verdicts, completed = system.occurrences(batch)
            assert verdicts == model.report(batch)
            assert completed == model.occurrences - before
        case Switch(player, goal, active):
            system.set_active(player, goal, active)
            model.set_active(player, goal, active)
        case Take(player, goal):
            assert system.take(player, goal) == model.take(player, goal)
        case Wait(now):
            system.now = model.now = now
    for player in PLAYERS:
        compare_player(system, model, player)


def compare_player(system: RepeatingSystem, model: RepeatingModel, player: str) -> None:
    assert system.repeat_statuses(player) == {goal.id: model.repeat_status(player, goal) for goal in model.goals}
    completed = [key for key in model.occurrences if key[0] == player]
    taken = sum(key[0] == player for key in model.taken)
    assert system.reached(player) == (len(completed), taken, model.points(completed))


@settings(max_examples=50)
@given(repeating_stories())
def test_goals_that_repeat_match_the_naive_model(one_connection: Database, story: Story) -> None:
    system, model = RepeatingSystem(one_connection, story.catalogue), RepeatingModel(story.catalogue, FIRST)
    for step in story.steps:
        compare(system, model, step)
    for player in PLAYERS:
        claimable = system.claimable(player)
        assert claimable == model.claimable(player)
        assert system.take_all(player) == claimable
        assert system.claimable(player) == set()
        assert system.take_all(player) == set()


@settings(max_examples=25)
@given(
    repeating(tuple(ClaimMode)), st.lists(events(PLAYERS), min_size=1, max_size=15), st.randoms(use_true_random=False)
)
def test_order_splitting_and_repetition_do_not_matter(
    one_connection: Database, catalogue: Catalogue, reported: list[Event], chance: random.Random
) -> None:
    reported = list({event.event_id: event for event in reported}.values())
    system, model = RepeatingSystem(one_connection, catalogue), RepeatingModel(catalogue, FIRST)
    model.report(reported)
    named = [key for batch in shuffled_batches(reported, chance) for key in system.occurrences(batch)[1]]
    assert sorted(named) == sorted(model.occurrences)
    model.take_automatically()
    for now in range(FIRST, FIRST + (DAYS + 8) * DAY, 31 * HOUR):
        system.now = model.now = now
        for player in PLAYERS:
            compare_player(system, model, player)
