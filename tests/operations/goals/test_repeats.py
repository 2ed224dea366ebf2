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
from shared.domain.grant_changes import Act, refunded
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.progress import goal_status
from shared.domain.reward import ClaimMode, Tier
from shared.domain.schedules import DAILY, LIFETIME, WEEKLY
from shared.operations.goals.view_player import view_player
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.grant_admin import OperatorAction, perform
from shared.operations.rewards.list_claimable import list_claimable
from shared.postgres.database import Database
from tests.operations.stories import (
    FIRST,
    NOW,
    PLAYERS,
    Adjust,
    Reload,
    Report,
    Step,
    Story,
    Switch,
    Take,
    Undo,
    Wait,
    shuffled_batches,
    steps_of,
)
from tests.operations.system import System
from tests.support.databases import soon
from tests.support.naive_repeats import Occurrence, RepeatingModel, RepeatStatus
from tests.support.strategies import DAYS, catalogues, events, instants, with_goal

CLAIMS = (
    b"SELECT microseconds(period_start), occurrence, grant_id FROM completion"
    b" JOIN reward_outbox USING (user_id, goal_id, period_start, occurrence, claim_number)"
    b" WHERE claim_time IS NOT NULL AND user_id = $1 AND goal_id = $2"
)


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

    def undo(self, player: str, goal: Goal) -> Occurrence | None:
        """Refund the claim of the newest period and occurrence, and return it; None if there is none."""
        rows = self.database.autocommit(
            lambda connection: connection.execute(CLAIMS, (self.prefix + player, goal.id)).fetchall(), soon()
        )
        if not rows:
            return None
        *claimed, granted = max(rows)
        action = OperatorAction(Act.REFUND, lambda status: refunded(status, NOW), "ada", "a test")
        perform(self.database, granted, action, NOW, soon(), dry=False)
        return (player, goal.id, claimed[0], claimed[1])

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
def reloaded(draw: st.DrawFn, catalogue: Catalogue) -> Catalogue:
    """Draw another version: with other targets of tiers, some with a further tier, and repeated more or less often."""
    for goal in catalogue.goals.values():
        targets = sorted(draw(st.sets(st.integers(1, 12), min_size=len(goal.tiers), max_size=len(goal.tiers))))
        tiers = tuple(replace(tier, target=target) for tier, target in zip(goal.tiers, targets, strict=True))
        has_further = draw(st.booleans())
        if tiers and has_further:
            tiers = (*tiers, Tier("further", targets[-1] + 1, (goal.reward,), points=1))
        repeat = draw(st.sampled_from((2, 3, 5))) if goal.repeat > 1 else 1
        target = tiers[-1].target if tiers else goal.target
        catalogue = with_goal(catalogue, replace(goal, tiers=tiers, target=target, repeat=repeat))
    return catalogue


@st.composite
def repeating_stories(draw: st.DrawFn) -> Story:
    catalogue = draw(repeating())
    played = steps_of(catalogue, instants).filter(lambda step: not isinstance(step, Adjust))
    steps = played | st.builds(Reload, reloaded(catalogue))
    return Story(catalogue, draw(st.lists(steps, min_size=1, max_size=14)))


def compare(system: RepeatingSystem, model: RepeatingModel, step: Step) -> None:
    before, goals = set(model.occurrences), system.catalogue.goals
    match step:
        case Report(batch):
            verdicts, completed = system.occurrences(batch)
            assert verdicts == model.report(batch)
            assert completed == model.occurrences - before
        case Switch(player, goal, active):
            system.set_active(player, goals[goal.id], active)
            model.set_active(player, goals[goal.id], active)
        case Take(player, goal):
            assert system.take(player, goals[goal.id]) == model.take(player, goals[goal.id])
        case Undo(player, goal):
            assert system.undo(player, goal) == model.undo(player, goal)
        case Reload(catalogue):
            system.catalogue = catalogue
            model.reload(catalogue)
        case Wait(now):
            system.now = model.now = now
    for player in PLAYERS:
        compare_player(system, model, player)


def compare_player(system: RepeatingSystem, model: RepeatingModel, player: str) -> None:
    assert system.repeat_statuses(player) == {goal.id: model.repeat_status(player, goal) for goal in model.goals}
    completed = [key for key in model.occurrences if key[0] == player]
    taken = sum(key[0] == player for key in model.taken)
    assert system.reached(player) == (len(completed), taken, model.points(completed))


@settings(max_examples=80)
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
