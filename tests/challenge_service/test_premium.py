"""Rewards that require an attribute of the player, such as those of a premium track."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import (
    ClaimAllRequest,
    ClaimRewardRequest,
    InitializePlayerRequest,
    ListClaimableRequest,
    SetPlayerAttributeRequest,
    SetPlayerAttributeResponse,
)

from tests.catalogue.documents import loaded
from tests.support.event_messages import stat
from tests.support.refusals import refusal
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import NOW, Game, game

DAY = 24 * 3600 * 10**6
COINS = {"type": "WALLET", "id": "COINS", "quantity": 10}
SKIN = {"type": "ITEM", "id": "SKIN", "quantity": 1, "requires_attribute": "premium"}
DOCUMENT = {
    "schedules": [{"id": "daily", "every": "day", "claim_grace": {"days": 5}}],
    "challenges": [
        challenge(
            "pass",
            assigned("both", target=1, reward=None, rewards=[COINS, SKIN]),
            assigned("only", target=2, reward=SKIN),
            assigned("often", target=1, repeat=2, stat="kills", reward=None, rewards=[SKIN, COINS]),
            assigned("today", target=1, stat="jumps", schedule="daily", reward=None, rewards=[COINS, SKIN]),
        )
    ],
}


@pytest.fixture(params=[True, False], ids=["with a schedule", "for the lifetime"])
def running(database_url: str, request: pytest.FixtureRequest) -> Iterator[Game]:
    goals = DOCUMENT["challenges"][0]["goals"]
    content = DOCUMENT if request.param else {"challenges": [challenge("pass", *goals[:3])]}
    with game(database_url, loaded(content)) as running:
        yield running


def claim(running: Game, goal_id: str, request_id: str = "") -> list[str]:
    """Claim, and return the rewards of the claim."""
    response = running.challenges.ClaimReward(
        ClaimRewardRequest(user_id="player", challenge_id="pass", goal_id=goal_id, request_id=request_id)
    )
    return [each.reward.reward_id for each in (response.claim, *response.further_claims)]


def buy(running: Game, *, present: bool = True) -> SetPlayerAttributeResponse:
    return running.challenges.SetPlayerAttribute(
        SetPlayerAttributeRequest(user_id="player", attribute="premium", present=present)
    )


def claimable(running: Game) -> dict[str, list[str]]:
    rewards = running.challenges.ListClaimable(ListClaimableRequest(user_id="player")).rewards
    return {
        each.goal_id: [each.reward.reward_id, *(further.reward_id for further in each.further_rewards)]
        for each in reversed(rewards)
    }


def test_rewards_that_were_withheld_are_claimed_after_the_purchase(running: Game) -> None:
    running.report(stat("wins", delta=2))
    assert running.goal("both").further_rewards[0].required_attribute == "premium"
    assert claimable(running) == {"both": ["COINS"]}
    assert claim(running, "both", "first") == ["COINS"]
    assert refusal(lambda: claim(running, "both"))[:2] == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_CLAIMED")
    assert refusal(lambda: claim(running, "only"))[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "ATTRIBUTE_MISSING")
    both, only = running.goal("both"), running.goal("only")
    assert (both.state, list(both.claimed_rewards), list(both.withheld_rewards)) == (
        challenge_pb2.GOAL_STATE_CLAIMED,
        [1],
        [2],
    )
    assert (only.state, list(only.withheld_rewards)) == (challenge_pb2.GOAL_STATE_COMPLETED, [1])

    bought = buy(running)
    assert (bought.changed, list(bought.attributes)) == (True, ["premium"])
    assert not buy(running).changed
    assert list(running.challenges.InitializePlayer(InitializePlayerRequest(user_id="player")).attributes) == [
        "premium"
    ]
    assert running.goal("both").state == challenge_pb2.GOAL_STATE_COMPLETED
    assert claimable(running) == {"both": ["SKIN"], "only": ["SKIN"]}
    assert claim(running, "both", "first") == ["COINS"], "the claim of that request id"
    assert claim(running, "both", "second") == ["SKIN"]
    assert claim(running, "only") == ["SKIN"]
    assert claimable(running) == {}


def test_all_are_claimed_at_once_and_each_once(running: Game) -> None:
    running.report(stat("wins", delta=2), stat("kills", delta=2))
    first = running.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results
    assert [(each.goal_id, each.occurrence, each.newly_claimed, each.reason) for each in first] == [
        ("both", 1, True, ""),
        ("only", 1, False, "ATTRIBUTE_MISSING"),
        ("often", 1, True, ""),
        ("often", 2, True, ""),
    ]
    buy(running)
    second = running.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results
    assert [(each.claim.reward.reward_id, each.claim.claim_number, each.newly_claimed) for each in second] == [
        ("SKIN", 2, True),
        ("SKIN", 1, True),
        ("SKIN", 2, True),
        ("SKIN", 2, True),
    ]
    third = running.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results
    assert not any(each.newly_claimed for each in third)
    grants = running.rows("SELECT goal_id, occurrence, reward_number, count(*) FROM reward_outbox GROUP BY 1, 2, 3")
    assert {count for *_, count in grants} == {1}
    assert len(grants) == 7


def test_an_attribute_that_is_taken_away_takes_no_claim_back(running: Game) -> None:
    buy(running)
    running.report(stat("wins", delta=1))
    assert claim(running, "both") == ["COINS", "SKIN"]
    assert buy(running, present=False).changed
    assert list(running.goal("both").claimed_rewards) == [1, 2]
    running.report(stat("wins", delta=1))
    assert refusal(lambda: claim(running, "only"))[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "ATTRIBUTE_MISSING")


def test_a_repeated_goal_shows_what_the_purchase_opens(running: Game) -> None:
    running.report(stat("kills", delta=2))
    assert [claim(running, "often") for _ in range(2)] == [["COINS"]] * 2
    assert running.goal("often").state == challenge_pb2.GOAL_STATE_CLAIMED
    buy(running)
    goal = running.goal("often")
    assert (goal.state, goal.claimable_occurrence) == (challenge_pb2.GOAL_STATE_COMPLETED, 1)
    assert [claim(running, "often") for _ in range(2)] == [["SKIN"]] * 2
    assert running.goal("often").state == challenge_pb2.GOAL_STATE_CLAIMED


def test_a_reward_of_yesterday_is_claimed_after_the_purchase(database_url: str) -> None:
    with game(database_url, loaded(DOCUMENT)) as running:
        running.report(stat("jumps", delta=1))
        assert claim(running, "today") == ["COINS"]
        running.clock.now = NOW + DAY
        assert claimable(running) == {}
        buy(running)
        assert claimable(running) == {"today": ["SKIN"]}
        assert claim(running, "today") == ["SKIN"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"attribute": ""}, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")),
        ({"attribute": "x" * 129}, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")),
        ({"attribute": "gold"}, (grpc.StatusCode.NOT_FOUND, "ATTRIBUTE_UNKNOWN")),
        ({"user_id": ""}, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")),
    ],
    ids=str,
)
def test_attributes_are_those_that_rewards_require(
    running: Game, change: dict[str, str], expected: tuple[grpc.StatusCode, str]
) -> None:
    named = {"user_id": "player", "attribute": "premium", **change}
    request = SetPlayerAttributeRequest(user_id=named["user_id"], attribute=named["attribute"], present=True)
    assert refusal(lambda: running.challenges.SetPlayerAttribute(request))[:2] == expected
