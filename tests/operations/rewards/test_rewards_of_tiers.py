"""Tiers with several rewards and a premium track, under refunds and reloads, against a naive model."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.claims import ClaimState
from shared.domain.current_periods import current_periods
from shared.domain.errors import AlreadyClaimed, AttributeMissing, ChallengeError, GoalNotCompleted
from shared.domain.events import Event
from shared.domain.goal import Goal
from shared.domain.grant_changes import Act, refunded
from shared.domain.instant import DAY
from shared.domain.progress import GoalState, goal_status, tier_states
from shared.domain.reward import Reward, RewardType, Tier
from shared.operations.goals.set_attribute import set_attribute
from shared.operations.goals.view_player import view_player
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.grant_admin import OperatorAction
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

pytestmark = pytest.mark.usefixtures("patient_pool")

NOW = FIRST_DAY * DAY
FREE, PREMIUM, GOLD = (Reward(RewardType.ITEM, name, 1, requires_attribute=name) for name in ("", "premium", "gold"))
FREE = replace(FREE, id="COINS")


def tiered(*tiers: tuple[int, tuple[Reward, ...]]) -> Catalogue:
    """Return a catalogue with a goal of these tiers: targets and rewards."""
    found = tuple(Tier(f"{n}", target, rewards, points=n) for n, (target, rewards) in enumerate(tiers, 1))
    of_tiers = replace(goal("pass"), tiers=found, target=found[-1].target, reward=found[0].rewards[0])
    # It names the attributes of all versions.
    return catalogue_of(of_tiers, replace(goal("other", target=100), further_rewards=(PREMIUM, GOLD)))


VERSIONS = (
    tiered((2, (FREE,)), (4, (FREE, PREMIUM)), (7, (PREMIUM,))),
    tiered((2, (FREE, GOLD)), (5, (FREE, PREMIUM, FREE)), (7, (PREMIUM,)), (9, (FREE,))),
)
Granted = tuple[int, int]
"""The numbers of a tier and of a reward."""


@dataclass
class Model:
    """The rules, and the rewards that a player has been granted by them."""

    catalogue: Catalogue = VERSIONS[0]
    total: int = 0
    completed: set[int] = field(default_factory=set)
    granted: set[Granted] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)

    @property
    def goal(self) -> Goal:
        return self.catalogue.goals["pass"]

    def seen(self) -> set[int]:
        reached = {n for n, tier in enumerate(self.goal.tiers, 1) if tier.target <= self.total}
        return {n for n in self.completed | reached if n <= len(self.goal.tiers)}

    def open(self, number: int) -> set[Granted]:
        rewards = enumerate(self.goal.tiers[number - 1].rewards, 1)
        possible = {(number, n) for n, reward in rewards if reward.requires_attribute in {"", *self.attributes}}
        return possible - self.granted

    def is_claimed(self, number: int) -> bool:
        return any(tier == number for tier, _ in self.granted) and not self.open(number)

    def report(self, delta: int) -> None:
        before = self.total
        self.total += delta
        self.completed |= {n for n, tier in enumerate(self.goal.tiers, 1) if before < tier.target <= self.total}

    def claim(self) -> set[Granted] | type[ChallengeError]:
        seen = sorted(self.seen())
        if not seen:
            return GoalNotCompleted
        number = next((n for n in seen if self.open(n)), seen[-1])
        found = self.open(number)
        if not found:
            return AlreadyClaimed if self.is_claimed(number) else AttributeMissing
        self.completed.add(number)
        self.granted |= found
        return found

    def claim_all(self) -> set[Granted]:
        found = {each for number in self.seen() for each in self.open(number)}
        self.completed |= {number for number, _ in found}
        self.granted |= found
        return found

    def states(self) -> list[GoalState]:
        found = [GoalState.NOT_STARTED] * len(self.goal.tiers)
        for number in self.seen():
            found[number - 1] = GoalState.CLAIMED if self.is_claimed(number) else GoalState.COMPLETED
        last = max(self.seen(), default=0)
        if last < len(found) and self.total:
            found[last] = GoalState.IN_PROGRESS
        return found


@dataclass
class Play:
    """The real operations for one player."""

    database: Database
    database_url: str
    events: int = 0

    def report(self, catalogue: Catalogue, delta: int) -> None:
        self.events += 1
        flush(self.database, catalogue, [Event(f"{self.events}", "player", NOW, KILLS, delta=delta)], soon())

    def claim(self, catalogue: Catalogue) -> set[Granted] | type[ChallengeError]:
        try:
            claim = claim_reward(self.database, catalogue, "player", catalogue.goals["pass"], None, NOW, soon())
        except ChallengeError as refusal:
            return type(refusal)
        return {(each.key.occurrence, each.reward_number) for each in claim.each}

    def claim_all(self, catalogue: Catalogue) -> set[Granted]:
        results = claim_all(self.database, catalogue, "player", [catalogue.goals["pass"]], NOW, soon())
        new = [result.claim for result in results if result.newly_claimed and result.claim is not None]
        return {(each.key.occurrence, each.reward_number) for claim in new for each in claim.each}

    def set(self, catalogue: Catalogue, attribute: str, present: bool) -> None:
        set_attribute(self.database, catalogue, "player", attribute, NOW, soon(), present=present)

    def live(self) -> dict[Granted, UUID]:
        """Return the grants that are not refunded, of which each reward has one at most."""
        with connected(self.database_url) as connection:
            rows = connection.execute(
                "SELECT occurrence, reward_number, grant_id FROM reward_outbox WHERE goal_id = 'pass' AND state <> $1",
                (ClaimState.REFUNDED,),
            ).fetchall()
        found = {(occurrence, number): grant for occurrence, number, grant in rows}
        assert len(found) == len(rows)
        return found

    def refund(self, grant: UUID) -> None:
        action = OperatorAction(Act.REFUND, lambda status: refunded(status, NOW), "ada", "a test")
        grant_admin.perform(self.database, grant, action, NOW, soon(), dry=False)

    def states(self, catalogue: Catalogue) -> list[GoalState]:
        view = view_player(self.database, "player", soon(), current_periods(catalogue, NOW))
        of_tiers = catalogue.goals["pass"]
        return list(tier_states(of_tiers, view, goal_status(of_tiers, view, catalogue)))

    def check(self, catalogue: Catalogue) -> None:
        assert grant_admin.report(self.database, soon()).agrees
        assert recalculate(self.database, catalogue, ["player"], soon()) == []


@pytest.mark.parametrize("seed", range(4))
def test_any_history_grants_what_the_naive_model_does(database: Database, database_url: str, seed: int) -> None:
    chance, model, play = random.Random(seed), Model(), Play(database, database_url)
    for _ in range(40):
        match chance.choice(("report", "claim", "claim", "claim all", "set", "refund", "reload")):
            case "report":
                delta = chance.randint(0, 2)
                play.report(model.catalogue, delta)
                model.report(delta)
            case "claim":
                assert play.claim(model.catalogue) == model.claim()
            case "claim all":
                assert play.claim_all(model.catalogue) == model.claim_all()
            case "set":
                attribute, present = chance.choice(("premium", "gold")), chance.random() < 0.7
                play.set(model.catalogue, attribute, present)
                (model.attributes.add if present else model.attributes.discard)(attribute)
            case "refund" if model.granted:
                which = chance.choice(sorted(model.granted))
                play.refund(play.live()[which])
                model.granted.discard(which)
            case "reload":
                model.catalogue = chance.choice(VERSIONS)
        assert play.live().keys() == model.granted
        assert play.states(model.catalogue) == model.states()
    play.check(model.catalogue)


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_granted_twice_when_everything_happens_at_once(
    database: Database, database_url: str, seed: int
) -> None:
    play = Play(database, database_url)
    play.report(VERSIONS[1], 9)

    def act(number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        catalogue = chance.choice(VERSIONS)
        match number % 4:
            case 0:
                play.set(catalogue, chance.choice(("premium", "gold")), chance.random() < 0.7)
            case 1:
                play.claim_all(catalogue)
            case 2:
                play.claim(catalogue)
            case _:
                claim = claim_or_none(database, catalogue)
                if claim is not None:
                    play.refund(claim)

    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(partial(act, number)) for number in range(24)]:
            done.result()
    for attribute in ("premium", "gold"):
        play.set(VERSIONS[1], attribute, True)
    play.claim_all(VERSIONS[1])
    rewards = {
        (n, m) for n, tier in enumerate(VERSIONS[1].goals["pass"].tiers, 1) for m in range(1, 1 + len(tier.rewards))
    }
    assert play.live().keys() == rewards
    assert set(play.states(VERSIONS[1])) == {GoalState.CLAIMED}
    play.check(VERSIONS[1])


def claim_or_none(database: Database, catalogue: Catalogue) -> UUID | None:
    """Claim, and return one of the grants; None if there is nothing to claim."""
    try:
        claim = claim_reward(database, catalogue, "player", catalogue.goals["pass"], None, NOW, soon())
    except ChallengeError:
        return None
    return UUID(claim.each[-1].grant_id)
