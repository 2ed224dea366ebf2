"""Goals that are claimed automatically, as callers of both services see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc

from shared.domain.reward import ClaimMode
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.rpc.encoded_catalogue import EncodedCatalogue
from tests.support.event_messages import stat
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.refusals import refusal
from tests.support.services import Game, ManualClock, challenge_service, game

WIN = replace(goal("win", target=2), claim_mode=ClaimMode.AUTO)
CATALOGUE = catalogue_of(WIN, goal("by hand", target=9))


@pytest.fixture
def running(database_url: str) -> Iterator[Game]:
    """Run both services with a goal that is claimed automatically."""
    with game(database_url, CATALOGUE) as both:
        yield both


def listed(running: Game) -> dict[str, challenge_pb2.Goal]:
    response = running.challenges.ListChallenges(rpc.ListChallengesRequest(user_id="player"))
    return {each.goal_id: each for challenge in response.challenges for each in challenge.goals}


def test_the_event_claims_and_a_call_finds_the_reward_claimed(running: Game) -> None:
    assert [each.claim_mode for each in listed(running).values()] == [
        challenge_pb2.CLAIM_MODE_AUTO,
        challenge_pb2.CLAIM_MODE_MANUAL,
    ]
    running.report(stat("kills", delta=2))
    won = listed(running)["win"]
    assert won.state == challenge_pb2.GOAL_STATE_CLAIMED
    (claim,) = running.challenges.ListClaims(rpc.ListClaimsRequest(user_id="player")).claims
    assert (claim.goal_id, claim.claim_time, claim.claim_number) == ("win", won.claim_time, 1)
    found = running.challenges.GetClaim(rpc.GetClaimRequest(user_id="player", grant_id=claim.grant_id))
    assert found.claim == claim
    claimable = running.challenges.ListClaimable(rpc.ListClaimableRequest(user_id="player"))
    assert not claimable.rewards
    (result,) = running.challenges.ClaimAll(rpc.ClaimAllRequest(user_id="player")).results
    assert (result.claim.grant_id, result.newly_claimed) == (claim.grant_id, False)
    call = rpc.ClaimRewardRequest(user_id="player", challenge_id=CHALLENGE_ID, goal_id="win")
    refused = refusal(lambda: running.challenges.ClaimReward(call))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_CLAIMED")


def test_a_login_claims_what_has_become_automatic(running: Game) -> None:
    running.report(stat("kills", delta=9))
    assert listed(running)["by hand"].state == challenge_pb2.GOAL_STATE_COMPLETED
    automatic = catalogue_of(*(replace(each, claim_mode=ClaimMode.AUTO) for each in CATALOGUE.goals.values()))
    live = LiveCatalogue(EncodedCatalogue)
    live.take(automatic, 0)
    with challenge_service(running.database_url, live, clock=ManualClock()) as reloaded:
        response = reloaded.InitializePlayer(rpc.InitializePlayerRequest(user_id="player"))
    assert {each.goal_id: each.state for each in response.goals} == dict.fromkeys(
        ("win", "by hand"), challenge_pb2.GOAL_STATE_CLAIMED
    )
