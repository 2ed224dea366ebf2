"""Goals with several rewards, as callers see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import (
    ClaimAllRequest,
    ClaimRewardRequest,
    GetClaimRequest,
    ListClaimableRequest,
    ListClaimsRequest,
)
from google.protobuf.duration_pb2 import Duration

from tests.catalogue.documents import loaded
from tests.support.event_messages import stat
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import Game, game

REWARDS = [
    {"type": "WALLET", "id": "COINS", "quantity": 10},
    {"type": "ITEM", "id": "CAP", "quantity": 1, "meta": {"icon": "cap.png"}},
]
DOCUMENT = {
    "challenges": [
        challenge(
            "arena",
            assigned("wins", target=1, reward=None, rewards=REWARDS),
            assigned("bounty", stat="kills", target=1, reward=None, rewards=REWARDS, repeat=3),
        )
    ]
}


@pytest.fixture
def running(database_url: str) -> Iterator[Game]:
    with game(database_url, loaded(DOCUMENT)) as running:
        yield running


def ids(claims: Sequence[challenge_pb2.Claim]) -> list[tuple[str, int, int]]:
    return [(claim.reward.reward_id, claim.claim_number, claim.reward_number) for claim in claims]


def test_a_claim_shows_the_grants_of_all_rewards(running: Game) -> None:
    running.report(stat("wins", delta=1))
    goal = running.goal("wins")
    assert [each.reward_id for each in (goal.reward, *goal.further_rewards)] == ["COINS", "CAP"]
    assert dict(goal.further_rewards[0].meta) == {"icon": "cap.png"}
    [claimable] = running.challenges.ListClaimable(ListClaimableRequest(user_id="player")).rewards
    assert [claimable.reward.reward_id, *(each.reward_id for each in claimable.further_rewards)] == ["COINS", "CAP"]

    request = ClaimRewardRequest(user_id="player", challenge_id="arena", goal_id="wins", request_id="once")
    response = running.challenges.ClaimReward(request)
    assert ids([response.claim, *response.further_claims]) == [("COINS", 1, 1), ("CAP", 1, 2)]
    request.wait.CopyFrom(Duration(nanos=1_000_000))
    assert running.challenges.ClaimReward(request) == response
    goal = running.goal("wins")
    assert (goal.state, list(goal.claimed_rewards)) == (challenge_pb2.GOAL_STATE_CLAIMED, [1, 2])

    found = running.challenges.GetClaim(GetClaimRequest(user_id="player", grant_id=response.further_claims[0].grant_id))
    assert (found.claim, list(found.further_claims)) == (response.further_claims[0], [response.claim])
    listed: list[challenge_pb2.Claim] = []
    token = ""
    while not listed or token:
        page = running.challenges.ListClaims(ListClaimsRequest(user_id="player", page_size=1, page_token=token))
        listed += page.claims
        token = page.next_page_token
    assert ids(listed) == [("CAP", 1, 2), ("COINS", 1, 1)]


def test_each_occurrence_has_all_rewards(running: Game) -> None:
    running.report(stat("kills", delta=2))
    first = running.challenges.ClaimReward(ClaimRewardRequest(user_id="player", challenge_id="arena", goal_id="bounty"))
    assert (first.claim.occurrence, len(first.further_claims)) == (1, 1)
    goal = running.goal("bounty")
    assert (goal.claimable_occurrence, list(goal.claimed_rewards)) == (2, [])
    results = running.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results
    assert [(each.occurrence, each.newly_claimed, each.claim.occurrence) for each in results] == [
        (1, False, 1),
        (2, True, 2),
    ]
    assert [ids([each.claim, *each.further_claims]) for each in results] == [[("COINS", 1, 1), ("CAP", 1, 2)]] * 2
