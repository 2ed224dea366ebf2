"""Concurrent claims of one goal through two services: one grant, and consistent responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub

from tests.support.event_messages import stat
from tests.support.refusals import Refusal, refusal_of
from tests.support.sample_catalogue import sample_catalogue
from tests.support.services import Game, ManualClock, challenge_service

pytestmark = pytest.mark.usefixtures("patient_pool")

CLAIMS = 100
ROUNDS = 2
ROUNDS_SLOW = 100


@pytest.fixture
def two_services(database_url: str) -> Iterator[tuple[ChallengeServiceStub, ChallengeServiceStub]]:
    """Yield two services with a thread for every claim."""
    with (
        challenge_service(database_url, sample_catalogue(), clock=ManualClock(), threads=CLAIMS) as one,
        challenge_service(database_url, sample_catalogue(), clock=ManualClock(), threads=CLAIMS) as other,
    ):
        yield one, other


def claim_at_once(
    services: tuple[ChallengeServiceStub, ChallengeServiceStub], requests: list[ClaimRewardRequest]
) -> tuple[list[challenge_pb2.Claim], list[Refusal]]:
    """Send the requests to both services in turn, and return the claims and the refusals."""
    calls = [services[number % 2].ClaimReward.future(request) for number, request in enumerate(requests)]
    claims, refusals = [], []
    for call in calls:
        try:
            claims.append(call.result().claim)
        except grpc.RpcError as error:
            refusals.append(refusal_of(error))
    return claims, refusals


def claims_of(user_id: str, goal_id: str, request_id: Callable[[int], str]) -> list[ClaimRewardRequest]:
    return [
        ClaimRewardRequest(user_id=user_id, challenge_id="arena", goal_id=goal_id, request_id=request_id(number))
        for number in range(CLAIMS)
    ]


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(ROUNDS_SLOW, marks=pytest.mark.slow)])
@pytest.mark.parametrize("request_id", [lambda _: "", lambda number: f"request {number}"], ids=["no id", "other ids"])
def test_one_claim_is_granted_and_all_others_are_already_claimed(
    sample_game: Game,
    two_services: tuple[ChallengeServiceStub, ChallengeServiceStub],
    rounds: int,
    request_id: Callable[[int], str],
) -> None:
    players = [f"player-{number}" for number in range(rounds)]
    sample_game.report(*[stat("wins", who, delta=3) for who in players])
    for who in players:
        claims, refusals = claim_at_once(two_services, claims_of(who, "warm-up", request_id))
        assert len(claims) == 1
        assert Counter(refused.reason for refused in refusals) == {"ALREADY_CLAIMED": CLAIMS - 1}
        assert _grants(sample_game, who) == [("warm-up", claims[0].grant_id)]
    print(f"\n{rounds} rounds of {CLAIMS} claims at once through two services: 1 grant in each")  # noqa: T201


@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(ROUNDS_SLOW, marks=pytest.mark.slow)])
def test_claims_with_one_request_id_all_return_the_same_grant(
    sample_game: Game, two_services: tuple[ChallengeServiceStub, ChallengeServiceStub], rounds: int
) -> None:
    players = [f"player-{number}" for number in range(rounds)]
    sample_game.report(*[stat("wins", who, delta=3) for who in players])
    for who in players:
        claims, refusals = claim_at_once(two_services, claims_of(who, "warm-up", lambda _: "request"))
        assert not refusals
        assert len(claims) == CLAIMS
        assert all(claim == claims[0] for claim in claims)
        assert _grants(sample_game, who) == [("warm-up", claims[0].grant_id)]
    print(f"\n{rounds} rounds of {CLAIMS} claims under one request id: 1 grant in each, {CLAIMS} equal responses")  # noqa: T201


def test_one_request_id_for_two_goals_is_valid_for_one_of_them(
    sample_game: Game, two_services: tuple[ChallengeServiceStub, ChallengeServiceStub]
) -> None:
    players = [f"player-{number}" for number in range(ROUNDS)]
    sample_game.report(*[stat("wins", who, delta=3) for who in players])
    sample_game.report(*[stat("score", who, value=1000) for who in players])
    for who in players:
        requests = claims_of(who, "warm-up", lambda _: "request") + claims_of(who, "high-score", lambda _: "request")
        claims, refusals = claim_at_once(two_services, requests[::5])
        [(_, grant_id)] = _grants(sample_game, who)
        assert {claim.grant_id for claim in claims} == {grant_id}
        assert {refused.reason for refused in refusals} == {"REQUEST_ID_REUSED"}


def test_concurrent_claims_and_activations_grant_at_most_once(
    sample_game: Game, two_services: tuple[ChallengeServiceStub, ChallengeServiceStub]
) -> None:
    sample_game.report(stat("wins", delta=3))
    with ThreadPoolExecutor(1) as switcher:
        switching = switcher.submit(
            lambda: [sample_game.set_active("warm-up", active) for active in [False, True] * 10]
        )
        claims, refusals = claim_at_once(two_services, claims_of("player", "warm-up", lambda _: ""))
        switching.result()
    assert {refused.reason for refused in refusals} <= {"ALREADY_CLAIMED", "GOAL_INACTIVE"}
    assert len(claims) <= 1
    assert len(_grants(sample_game, "player")) == len(claims)


def _grants(running: Game, user_id: str) -> list[tuple[str, str]]:
    return [
        (goal_id, grant_id)
        for goal_id, grant_id in running.rows(
            "SELECT goal_id, grant_id::text FROM reward_outbox WHERE user_id = %s", user_id
        )
    ]
