"""Goals that repeat, and hidden goals, as callers see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import (
    ClaimableReward,
    ClaimAllRequest,
    ClaimRewardRequest,
    InitializePlayerRequest,
    ListChallengesRequest,
    ListClaimableRequest,
)

from tests.catalogue.documents import loaded
from tests.support.event_messages import stat
from tests.support.refusals import refusal, refusal_of
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import Game, game

CALLS = 12
DOCUMENT = {
    "challenges": [
        challenge(
            "arena", assigned("wins", stat="wins", target=2, repeat=5), assigned("secret", hidden=True, target=3)
        ),
        challenge("cellar", assigned("door", stat="doors", target=1, hidden=True)),
    ]
}


@pytest.fixture
def repeating(database_url: str) -> Iterator[Game]:
    with game(database_url, loaded(DOCUMENT)) as running:
        yield running


def request(occurrence: int = 0, request_id: str = "") -> ClaimRewardRequest:
    return ClaimRewardRequest(
        user_id="player", challenge_id="arena", goal_id="wins", occurrence=occurrence, request_id=request_id
    )


def listed(running: Game) -> dict[str, challenge_pb2.Goal]:
    challenges = running.challenges.ListChallenges(ListChallengesRequest(user_id="player")).challenges
    return {goal.goal_id: goal for each in challenges for goal in each.goals}


def claimable(running: Game) -> list[ClaimableReward]:
    """Return all pages of rewards, each with one."""
    found: list[ClaimableReward] = []
    token = ""
    while not found or token:
        page = running.challenges.ListClaimable(ListClaimableRequest(user_id="player", page_size=1, page_token=token))
        found += page.rewards
        token = page.next_page_token
    return found


def test_a_jump_completes_several_occurrences_and_the_surplus_counts_for_the_next(repeating: Game) -> None:
    [result] = repeating.report(stat("wins", delta=2 * 2 + 1))
    assert [(each.goal_id, each.occurrence) for each in result.completions] == [
        ("wins", 1),
        ("secret", 1),
        ("wins", 2),
    ]
    goal = listed(repeating)["wins"]
    assert (goal.occurrence, goal.requirement.repeat, goal.progress, goal.claimable_occurrence) == (3, 5, 1, 1)
    assert goal.state == challenge_pb2.GOAL_STATE_COMPLETED


def test_each_occurrence_is_claimed_on_its_own(repeating: Game) -> None:
    repeating.report(stat("wins", delta=6))
    claim = repeating.challenges.ClaimReward
    assert [claim(request(occurrence)).claim.occurrence for occurrence in (0, 3)] == [1, 3]
    assert refusal(lambda: claim(request(3))).reason == "ALREADY_CLAIMED"
    assert refusal(lambda: claim(request(4))).reason == "GOAL_NOT_COMPLETED"
    assert refusal(lambda: claim(request(6))).reason == "OCCURRENCE_NOT_FOUND"
    second = claim(request(request_id="once")).claim
    assert (second.occurrence, claim(request(request_id="once")).claim) == (2, second)
    assert refusal(lambda: claim(request(1, "once"))).reason == "REQUEST_ID_REUSED"
    assert refusal(lambda: claim(request())).reason == "ALREADY_CLAIMED"
    assert listed(repeating)["wins"].state == challenge_pb2.GOAL_STATE_IN_PROGRESS


def test_all_occurrences_are_listed_page_by_page_and_claimed_by_one_call(repeating: Game) -> None:
    repeating.report(stat("wins", delta=100))
    assert [(each.goal_id, each.occurrence) for each in claimable(repeating)] == [
        *(("wins", occurrence) for occurrence in (5, 4, 3, 2, 1)),
        ("secret", 1),
    ]
    results = repeating.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results
    assert [(each.goal_id, each.occurrence, each.newly_claimed) for each in results] == [
        *(("wins", occurrence, True) for occurrence in (1, 2, 3, 4, 5)),
        ("secret", 1, True),
    ]
    goal = listed(repeating)["wins"]
    assert (goal.state, goal.occurrence, goal.progress) == (challenge_pb2.GOAL_STATE_CLAIMED, 5, 2)


def test_calls_at_once_claim_one_occurrence_each(repeating: Game) -> None:
    repeating.report(stat("wins", delta=6))
    calls = [repeating.challenges.ClaimReward.future(request()) for _ in range(CALLS)]
    outcomes: Counter[int | str] = Counter()
    for call in calls:
        try:
            outcomes[call.result().claim.occurrence] += 1
        except grpc.RpcError as error:
            outcomes[refusal_of(error).reason] += 1
    assert outcomes == {1: 1, 2: 1, 3: 1, "ALREADY_CLAIMED": CALLS - 3}


def test_hidden_goals_are_listed_once_they_are_completed(repeating: Game) -> None:
    def initialized() -> list[str]:
        response = repeating.challenges.InitializePlayer(InitializePlayerRequest(user_id="player"))
        return [goal.goal_id for goal in response.goals]

    assert initialized() == list(listed(repeating)) == ["wins"]
    repeating.report(stat("wins", delta=2), stat("doors", delta=1))
    assert initialized() == list(listed(repeating)) == ["wins", "door"]
    repeating.report(stat("wins", delta=1))
    assert listed(repeating)["secret"].hidden
    assert initialized() == ["wins", "secret", "door"]
