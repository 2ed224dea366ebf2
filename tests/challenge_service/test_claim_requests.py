"""Claims with a request id, which are safe to repeat."""

from __future__ import annotations

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest

from shared.domain.instant import HOUR
from tests.support.database_contents import contents
from tests.support.event_messages import login, stat
from tests.support.refusals import refusal
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import Game, ManualClock, challenge_service

REQUEST_ID = 'request "1": \U0001f381'


@pytest.fixture
def completed_game(sample_game: Game) -> Game:
    """Return a game whose player has completed the goals `warm-up` and `welcome`."""
    sample_game.report(stat("wins", delta=3), login())
    return sample_game


def test_repeating_a_claim_returns_it_again_and_stores_nothing(completed_game: Game) -> None:
    first = completed_game.claim("warm-up", request_id=REQUEST_ID)
    before = contents(completed_game.database_url)
    completed_game.clock.now += HOUR
    assert completed_game.claim("warm-up", request_id=REQUEST_ID) == first
    assert contents(completed_game.database_url) == before


def test_a_claim_is_returned_again_after_a_restart(completed_game: Game) -> None:
    first = completed_game.claim("warm-up", request_id=REQUEST_ID)
    with challenge_service(completed_game.database_url, sample_catalogue(), clock=ManualClock()) as another:
        request = ClaimRewardRequest(
            user_id="player", challenge_id="arena", goal_id="warm-up", request_id=REQUEST_ID, occurrence=1
        )
        assert another.ClaimReward(request).claim == first


def test_a_claim_is_returned_again_after_deactivating_the_goal(completed_game: Game) -> None:
    first = completed_game.claim("warm-up", request_id=REQUEST_ID)
    completed_game.set_active("warm-up", False)
    assert completed_game.claim("warm-up", request_id=REQUEST_ID) == first


@pytest.mark.parametrize("request_id", ["", "request 2"])
def test_with_another_or_no_request_id_the_reward_is_already_claimed(completed_game: Game, request_id: str) -> None:
    completed_game.claim("warm-up", request_id=REQUEST_ID)
    refused = refusal(lambda: completed_game.claim("warm-up", request_id=request_id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_CLAIMED")


def test_a_claim_without_a_request_id_matches_no_later_request_id(completed_game: Game) -> None:
    completed_game.claim("warm-up")
    assert refusal(lambda: completed_game.claim("warm-up", request_id=REQUEST_ID)).reason == "ALREADY_CLAIMED"


@pytest.mark.parametrize("other_goal", ["welcome", "high-score"], ids=["completed", "not completed"])
def test_a_request_id_is_valid_for_one_claim_only(completed_game: Game, other_goal: str) -> None:
    completed_game.claim("warm-up", request_id=REQUEST_ID)
    before = contents(completed_game.database_url)
    refused = refusal(lambda: completed_game.claim(other_goal, request_id=REQUEST_ID))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert refused.metadata == {"goal_id": "warm-up"}
    assert contents(completed_game.database_url) == before


def test_players_do_not_share_request_ids(completed_game: Game) -> None:
    completed_game.report(stat("wins", "other", delta=3))
    one = completed_game.claim("warm-up", request_id=REQUEST_ID)
    other = completed_game.claim("warm-up", "other", request_id=REQUEST_ID)
    assert one.grant_id != other.grant_id


def test_a_claim_that_is_refused_does_not_use_up_its_request_id(completed_game: Game) -> None:
    refusal(lambda: completed_game.claim("high-score", request_id=REQUEST_ID))
    completed_game.report(stat("score", value=1000))
    first = completed_game.claim("high-score", request_id=REQUEST_ID)
    assert first.state == challenge_pb2.CLAIM_STATE_PENDING
    assert completed_game.claim("high-score", request_id=REQUEST_ID) == first
