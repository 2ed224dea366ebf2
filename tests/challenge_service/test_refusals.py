"""Requests with several problems, and values at the bounds."""

from __future__ import annotations

from challenge.v1.challenge_service_pb2 import ClaimRewardRequest, ListChallengesRequest

from shared.rpc.validation import CHALLENGE_IDS_MAX
from tests.support.refusals import Refusal, refusal
from tests.support.services import Game


def test_all_problems_of_a_request_are_reported_together(rewarded_game: Game) -> None:
    refused = refusal(
        lambda: rewarded_game.challenges.ClaimReward(
            ClaimRewardRequest(user_id="a\0b", goal_id="x" * 129, request_id="\n", occurrence=-1)
        )
    )
    assert refused.fields == {
        "user_id": "contains a control character",
        "challenge_id": "is required",
        "goal_id": "is longer than 128 characters",
        "request_id": "contains a control character",
        "occurrence": "is negative",
    }


def test_values_at_the_bounds_are_accepted(rewarded_game: Game) -> None:
    longest = "\U0001f3ae" * 128
    request = ListChallengesRequest(user_id=longest, challenge_ids=[longest] * CHALLENGE_IDS_MAX, page_size=1_000)
    assert not rewarded_game.challenges.ListChallenges(request).challenges


def test_a_refusal_of_many_problems_stays_small(rewarded_game: Game) -> None:
    refused: Refusal = refusal(
        lambda: rewarded_game.challenges.ListChallenges(
            ListChallengesRequest(user_id="player", challenge_ids=["\0" * 1_000] * CHALLENGE_IDS_MAX)
        )
    )
    assert len(refused.message) <= 512
    assert 1 <= len(refused.fields) <= 8
