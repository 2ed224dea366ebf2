"""Goals with several rewards: each is granted once, whatever is claimed, refunded and added at once."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from uuid import UUID

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.claims import Claim, ClaimState, grant_id
from shared.domain.errors import AlreadyClaimed
from shared.domain.events import CompletionKey, Event
from shared.domain.grant_changes import Act, ActRefused, refunded
from shared.domain.instant import DAY, LIFETIME_START
from shared.domain.operator_acts import Acting
from shared.domain.progress import goal_status
from shared.domain.reward import ClaimMode, Reward, RewardType
from shared.operations.goals.view_player import view_player
from shared.operations.operators import goal_support
from shared.operations.operators.goal_support import GoalSupport
from shared.operations.rewards import grant_admin
from shared.operations.rewards.claim import claim_reward
from shared.operations.rewards.claim_all import claim_all
from shared.operations.rewards.find_claims import find_claim, list_claims
from shared.operations.rewards.grant_admin import OperatorAction
from shared.operations.statistics.recalculate import recalculate
from shared.postgres.database import Database
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.proxy import proxy_to
from tests.support.round_trips import RoundTrips
from tests.support.strategies import FIRST_DAY, KILLS

pytestmark = pytest.mark.usefixtures("patient_pool")

NOW = FIRST_DAY * DAY
COINS, SKIN, TITLE = (Reward(RewardType.ITEM, each, 1) for each in ("COINS", "SKIN", "TITLE"))
WIN = replace(goal("win", target=1), reward=COINS, further_rewards=(SKIN,))
PLAIN = goal("plain", target=1)
AUTO = replace(goal("auto", target=1), reward=COINS, further_rewards=(SKIN, TITLE), claim_mode=ClaimMode.AUTO)
CATALOGUE = catalogue_of(WIN, PLAIN, AUTO)
GROWN = replace(WIN, further_rewards=(SKIN, TITLE))
GROWN_CATALOGUE = catalogue_of(GROWN, PLAIN, AUTO)
KEY = CompletionKey("player", "win", LIFETIME_START, 1)

Grant = tuple[str, int, int, str]


@pytest.fixture
def completed(database: Database) -> Database:
    """Return a database with a player who has completed all goals."""
    flush(database, CATALOGUE, [Event("id", "player", NOW, KILLS, delta=1)], soon())
    return database


def grants(database_url: str, goal_id: str = "win") -> list[Grant]:
    """Return claim number, reward number and state of all grants of a goal."""
    with connected(database_url) as connection:
        return connection.execute(
            "SELECT reward_id, claim_number, reward_number, state FROM reward_outbox WHERE goal_id = $1"
            " ORDER BY claim_number, reward_number",
            (goal_id,),
        ).fetchall()


def refund(database: Database, claim: Claim) -> None:
    action = OperatorAction(Act.REFUND, lambda grant: refunded(grant, NOW), "ada", "asked for it")
    grant_admin.perform(database, UUID(claim.grant_id), action, NOW, soon(), dry=False)


def take(database: Database, catalogue: Catalogue = CATALOGUE) -> list[str]:
    """Claim, and return the rewards of the claim."""
    claim = claim_reward(database, catalogue, "player", catalogue.goals["win"], None, NOW, soon())
    return [each.reward.id for each in claim.each]


def test_one_claim_has_a_grant_for_each_reward(completed: Database, database_url: str) -> None:
    claim = claim_reward(completed, CATALOGUE, "player", WIN, "request", NOW, soon())
    assert [each.grant_id for each in claim.each] == [grant_id(KEY, 1), grant_id(KEY, 1, 2)]
    assert grants(database_url) == [("COINS", 1, 1, "PENDING"), ("SKIN", 1, 2, "PENDING")]
    assert claim_reward(completed, CATALOGUE, "player", WIN, "request", NOW, soon()) == claim
    with pytest.raises(AlreadyClaimed):
        take(completed)
    found = find_claim(completed, "player", UUID(claim.further[0].grant_id), NOW, soon()).claim
    assert [each.reward.id for each in found.each] == ["SKIN", "COINS"]
    listed = list_claims(completed, "player", (), None, 10, soon())
    assert [each.reward.id for each in listed if each.key == KEY] == ["SKIN", "COINS"]


def test_the_first_reward_keeps_the_grant_id_of_a_single_one() -> None:
    assert grant_id(KEY, 1, 1) == grant_id(KEY, 1) != grant_id(KEY, 1, 2) != grant_id(KEY, 2, 1)


def test_a_refunded_reward_is_claimed_again_alone(completed: Database, database_url: str) -> None:
    claim = claim_reward(completed, CATALOGUE, "player", WIN, None, NOW, soon())
    refund(completed, claim.further[0])
    status = goal_status(WIN, view_player(completed, "player", soon()), CATALOGUE)
    assert status.rewards is not None
    assert (status.state.name, status.rewards.claimed, status.claim_time) == ("COMPLETED", 0b01, NOW)
    with pytest.raises(ActRefused):
        refund(completed, claim.further[0])
    assert take(completed) == ["SKIN"]
    refund(completed, claim)
    assert take(completed) == ["COINS"]
    assert [each[:3] for each in grants(database_url)] == [
        ("COINS", 1, 1),
        ("SKIN", 1, 2),
        ("SKIN", 2, 2),
        ("COINS", 3, 1),
    ]
    assert grant_admin.report(completed, soon()).agrees
    assert recalculate(completed, CATALOGUE, ["player"], soon()) == []


def test_the_goal_counts_as_claimed_while_any_reward_is(completed: Database, database_url: str) -> None:
    def claimed() -> int:
        with connected(database_url) as connection:
            row = connection.execute(
                "SELECT claimed FROM standing WHERE scope = 'all' AND schedule = 'lifetime'"
            ).fetchone()
        return 0 if row is None else row[0]

    before = claimed()
    claim = claim_reward(completed, CATALOGUE, "player", WIN, None, NOW, soon())
    assert claimed() == before + 1
    for each in claim.each:
        assert claimed() == before + 1
        refund(completed, each)
    assert claimed() == before
    assert take(completed) == ["COINS", "SKIN"]
    assert claimed() == before + 1


def test_a_reward_that_is_added_later_can_be_claimed_by_those_who_have_claimed(completed: Database) -> None:
    assert take(completed) == ["COINS", "SKIN"]
    assert take(completed, GROWN_CATALOGUE) == ["TITLE"]
    with pytest.raises(AlreadyClaimed):
        take(completed, GROWN_CATALOGUE)
    # The catalogue before has nothing left to claim, either.
    with pytest.raises(AlreadyClaimed):
        take(completed)


def test_a_refunded_reward_is_claimed_again_if_there_are_fewer_than_before(completed: Database) -> None:
    claim = claim_reward(completed, CATALOGUE, "player", WIN, None, NOW, soon())
    refund(completed, claim)
    shrunk = catalogue_of(replace(WIN, further_rewards=()), PLAIN, AUTO)
    again = claim_reward(completed, shrunk, "player", shrunk.goals["win"], None, NOW, soon())
    assert [each.reward.id for each in again.each] == ["COINS"]
    with pytest.raises(AlreadyClaimed):
        claim_reward(completed, shrunk, "player", shrunk.goals["win"], None, NOW, soon())


def test_all_rewards_are_claimed_at_once_and_automatically(completed: Database, database_url: str) -> None:
    assert [each[0] for each in grants(database_url, "auto")] == ["COINS", "SKIN", "TITLE"]
    results = claim_all(completed, CATALOGUE, "player", CATALOGUE.goals.values(), NOW, soon())
    assert [(each.goal.id, each.newly_claimed) for each in results] == [
        ("win", True),
        ("plain", True),
        ("auto", False),
    ]
    assert [[each.reward.id for each in result.claim.each] for result in results if result.claim is not None] == [
        ["COINS", "SKIN"],
        [PLAIN.reward.id],
        ["COINS", "SKIN", "TITLE"],
    ]


def test_a_claim_of_several_rewards_takes_two_round_trips(database_url: str) -> None:
    with proxy_to(database_url) as (proxy, url), opened(url, pool_size=1) as database:
        round_trips = RoundTrips()
        for user_id in ("prepares", "player"):
            flush(database, CATALOGUE, [Event("id", user_id, NOW, KILLS, delta=1)], soon())
        claim_reward(database, CATALOGUE, "prepares", WIN, None, NOW, soon())
        proxy.drop_reply(after=round_trips)
        before = round_trips.count
        claim_reward(database, CATALOGUE, "player", WIN, None, NOW, soon())
        assert round_trips.count - before == 2


def test_claims_stand_when_a_goal_is_reset_and_completed_again(completed: Database) -> None:
    claim = claim_reward(completed, CATALOGUE, "player", WIN, None, NOW, soon())
    refund(completed, claim)
    support = GoalSupport(CATALOGUE, "player", WIN, Acting(NOW, "ada", "a test"))
    goal_support.perform(completed, lambda connection: support.reset(connection, with_others=True), soon(), dry=False)
    assert grant_admin.report(completed, soon()).agrees
    goal_support.perform(completed, lambda connection: support.complete(connection, None), soon(), dry=False)
    assert take(completed) == ["COINS"]
    with pytest.raises(AlreadyClaimed):
        take(completed)
    assert grant_admin.report(completed, soon()).agrees


@pytest.mark.parametrize("seed", range(3))
def test_each_reward_is_granted_once_whatever_happens_at_once(
    completed: Database, database_url: str, seed: int
) -> None:
    """Claims by two catalogues, claims of everything and refunds meet; one grant of each reward is not undone."""

    def act(number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        catalogue = chance.choice((CATALOGUE, GROWN_CATALOGUE))
        goals = catalogue.goals
        try:
            if number % 3 == 0:
                claim_all(completed, catalogue, "player", goals.values(), NOW, soon())
            elif number % 3 == 1:
                claim = claim_reward(completed, catalogue, "player", goals["win"], None, NOW, soon())
                refund(completed, chance.choice(claim.each))
            else:
                claim_reward(completed, catalogue, "player", goals["win"], None, NOW, soon())
        except AlreadyClaimed:
            pass

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(partial(act, number)) for number in range(30)]:
            done.result()
    take_if_any = claim_all(completed, GROWN_CATALOGUE, "player", GROWN_CATALOGUE.goals.values(), NOW, soon())
    assert len(take_if_any) == 3
    kept = [reward for reward, _, _, state in grants(database_url) if state != ClaimState.REFUNDED]
    assert sorted(kept) == ["COINS", "SKIN", "TITLE"]
    assert grant_admin.report(completed, soon()).agrees
    assert recalculate(completed, GROWN_CATALOGUE, ["player"], soon()) == []
