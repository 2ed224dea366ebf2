"""Goals with tiers, as callers see them."""

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
)

from tests.catalogue.documents import Mapping, loaded
from tests.support.event_messages import stat
from tests.support.refusals import refusal
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import Game, game

NOT_STARTED, IN_PROGRESS, COMPLETED, CLAIMED = challenge_pb2.GoalState.values()[1:]


def tier(number: int, target: int, **differing: object) -> Mapping:
    reward = {"type": "WALLET", "id": "COINS", "quantity": number}
    return {"id": f"tier-{number}", "target": target, "reward": reward, **differing}


PREMIUM = [
    {"type": "WALLET", "id": "COINS", "quantity": 3},
    {"type": "ITEM", "id": "SKIN", "quantity": 1, "requires_attribute": "premium"},
]
THIRD = {"id": "tier-3", "target": 10, "rewards": PREMIUM, "points": 7, "meta": {"icon": "gold.png"}}
TIERED = assigned("pass", target=None, reward=None, tiers=[tier(1, 2, points=5), tier(2, 4), THIRD])
DOCUMENT = {
    "challenges": [
        challenge("season", TIERED, assigned("after", stat="jumps", target=1, requires=["pass"])),
        challenge(
            "over",
            assigned("tiers-2", source="goals", stat=None, count=None, goals=["pass"], target=2),
            assigned("points-12", source="points", stat=None, count=None, target=12),
        ),
    ]
}


@pytest.fixture
def running(database_url: str) -> Iterator[Game]:
    with game(database_url, loaded(DOCUMENT)) as running:
        yield running


def claim(running: Game, number: int = 0) -> tuple[int, list[str]]:
    """Claim, and return the number of the tier and its rewards."""
    response = running.challenges.ClaimReward(
        ClaimRewardRequest(user_id="player", challenge_id="season", goal_id="pass", occurrence=number)
    )
    claims = [response.claim, *response.further_claims]
    return claims[0].occurrence, [f"{each.reward.quantity} {each.reward.reward_id}" for each in claims]


def shown(goal: challenge_pb2.Goal) -> tuple[int, int, list[int]]:
    return goal.progress, goal.occurrence, list(goal.tier_states)


def test_the_definition_has_all_tiers(running: Game) -> None:
    goal = running.goal("pass")
    assert (goal.target, goal.requirement.target, goal.HasField("reward"), goal.points) == (10, 10, False, 0)
    assert [(each.tier_id, each.target, each.points) for each in goal.tiers] == [
        ("tier-1", 2, 5),
        ("tier-2", 4, 0),
        ("tier-3", 10, 7),
    ]
    assert [each.required_attribute for each in goal.tiers[2].rewards] == ["", "premium"]
    assert dict(goal.tiers[2].meta) == {"icon": "gold.png"}
    assert shown(goal) == (0, 1, [NOT_STARTED] * 3)


def test_progress_is_of_the_whole_and_the_current_tier_is_shown(running: Game) -> None:
    running.report(stat("wins", delta=1))
    assert shown(running.goal("pass")) == (1, 1, [IN_PROGRESS, NOT_STARTED, NOT_STARTED])
    running.report(stat("wins", delta=2))
    goal = running.goal("pass")
    assert shown(goal) == (3, 2, [COMPLETED, IN_PROGRESS, NOT_STARTED])
    assert (goal.state, goal.claimable_occurrence) == (challenge_pb2.GOAL_STATE_COMPLETED, 1)
    assert claim(running) == (1, ["1 COINS"])
    goal = running.goal("pass")
    assert (goal.state, goal.claimable_occurrence) == (challenge_pb2.GOAL_STATE_IN_PROGRESS, 0)
    assert shown(goal) == (3, 2, [CLAIMED, IN_PROGRESS, NOT_STARTED])


def test_one_event_completes_several_tiers_and_names_each_once(running: Game) -> None:
    [result] = running.report(stat("wins", delta=11))
    assert [(each.goal_id, each.occurrence) for each in result.completions] == [
        ("pass", 1),
        ("pass", 2),
        ("pass", 3),
        ("tiers-2", 1),
        ("points-12", 1),
    ]
    assert not running.goal("after").locked
    assert shown(running.goal("pass")) == (10, 3, [COMPLETED] * 3)
    rewards = running.challenges.ListClaimable(ListClaimableRequest(user_id="player")).rewards
    assert [(each.occurrence, each.reward.quantity) for each in rewards if each.goal_id == "pass"] == [
        (3, 3),
        (2, 2),
        (1, 1),
    ]


def test_each_tier_is_claimed_with_its_rewards(running: Game) -> None:
    running.report(stat("wins", delta=10))
    assert claim(running, 2) == (2, ["2 COINS"])
    assert [claim(running) for _ in range(2)] == [(1, ["1 COINS"]), (3, ["3 COINS"])]
    assert refusal(lambda: claim(running))[:2] == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_CLAIMED")
    assert refusal(lambda: claim(running, 4))[:2] == (grpc.StatusCode.NOT_FOUND, "OCCURRENCE_NOT_FOUND")
    goal = running.goal("pass")
    assert (goal.state, list(goal.withheld_rewards)) == (challenge_pb2.GOAL_STATE_CLAIMED, [2])
    running.challenges.SetPlayerAttribute(
        SetPlayerAttributeRequest(user_id="player", attribute="premium", present=True)
    )
    assert list(running.goal("pass").tier_states) == [CLAIMED, CLAIMED, COMPLETED]
    results = running.challenges.ClaimAll(ClaimAllRequest(user_id="player", challenge_id="season")).results
    assert [(each.occurrence, each.claim.reward.reward_id, each.newly_claimed) for each in results] == [
        (1, "COINS", False),
        (2, "COINS", False),
        (3, "SKIN", True),
    ]
    assert list(running.goal("pass").tier_states) == [CLAIMED] * 3


def test_tiers_after_the_last_are_completed_by_what_was_counted_before(database_url: str) -> None:
    two = {"challenges": [challenge("season", {**TIERED, "tiers": TIERED["tiers"][:2]})]}
    with game(database_url, loaded(two)) as running:
        running.report(stat("wins", delta=10))
        assert running.goal("pass").progress == 4
        assert running.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results[1].newly_claimed
        assert running.goal("pass").state == challenge_pb2.GOAL_STATE_CLAIMED
    with game(database_url, loaded(DOCUMENT)) as running:
        assert shown(running.goal("pass")) == (10, 3, [CLAIMED, CLAIMED, COMPLETED])
        running.challenges.InitializePlayer(InitializePlayerRequest(user_id="player"))
        assert running.rows("SELECT occurrence FROM completion WHERE goal_id = 'pass' ORDER BY 1") == [(1,), (2,), (3,)]
        assert claim(running) == (3, ["3 COINS"])
    with game(database_url, loaded(two)) as running:
        goal = running.goal("pass")
        assert (goal.state, shown(goal)) == (challenge_pb2.GOAL_STATE_CLAIMED, (4, 2, [CLAIMED, CLAIMED]))
        results = running.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results
        assert [each.occurrence for each in results] == [1, 2]
        assert not running.challenges.ListClaimable(ListClaimableRequest(user_id="player")).rewards
