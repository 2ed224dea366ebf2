"""Claiming rewards."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest

from shared.domain.instant import DAY, HOUR, SECOND, to_datetime
from tests.catalogue.documents import loaded
from tests.support.database_contents import contents, written
from tests.support.event_messages import login, stat, timestamp
from tests.support.refusals import refusal
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import NOW, Game, ManualClock, challenge_service, game

NOT_FOUND = grpc.StatusCode.NOT_FOUND
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
ALREADY_EXISTS = grpc.StatusCode.ALREADY_EXISTS


def test_a_claim_returns_the_reward_and_its_grant(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3))
    sample_game.clock.now += HOUR
    claim = sample_game.claim("warm-up")
    assert claim.state == challenge_pb2.CLAIM_STATE_PENDING
    assert claim.reward == sample_game.goal("warm-up").reward
    assert str(uuid.UUID(claim.grant_id)) == claim.grant_id
    assert claim.claim_time == timestamp(NOW + HOUR)


def test_a_claim_and_its_grant_are_stored_together(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3))
    claim = sample_game.claim("warm-up")
    [stored] = sample_game.rows(
        "SELECT user_id, goal_id, claim_number, grant_id::text, state, reward_type, reward_id, quantity, attempts,"
        " due_time, create_time FROM reward_outbox"
    )
    now = to_datetime(NOW)
    assert stored == ("player", "warm-up", 1, claim.grant_id, "PENDING", "WALLET", "GEMS", 10, 0, now, now)
    assert sample_game.rows("SELECT goal_id, claim_time FROM completion") == [("warm-up", now)]


def test_a_claimed_goal_shows_as_claimed(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3))
    sample_game.clock.now += HOUR
    sample_game.claim("warm-up")
    shown = sample_game.goal("warm-up")
    assert shown.state == challenge_pb2.GOAL_STATE_CLAIMED
    assert (shown.complete_time, shown.claim_time) == (timestamp(NOW), timestamp(NOW + HOUR))
    sample_game.report(stat("wins", delta=3))
    assert sample_game.goal("warm-up") == shown


def test_the_reward_is_defined_by_the_catalogue_at_the_time_of_the_claim(database_url: str) -> None:
    def catalogue(quantity: int) -> Any:
        reward = {"type": "WALLET", "id": "GEMS", "quantity": quantity}
        return loaded({"challenges": [challenge("arena", assigned("win", target=1, reward=reward))]})

    with game(database_url, catalogue(10)) as before:
        before.report(stat("wins", delta=1))
    with game(database_url, catalogue(20)) as during:
        first = during.claim("win", request_id="request")
    with game(database_url, catalogue(30)) as after:
        again = after.claim("win", request_id="request")
    assert first.reward.quantity == 20
    assert again == first


def test_a_goal_completed_without_an_event_can_be_claimed(database_url: str) -> None:
    one, two = assigned("one", target=3), assigned("two", target=2)
    with game(database_url, loaded({"challenges": [challenge("arena", one)]})) as before:
        before.report(stat("wins", delta=2))
    with game(database_url, loaded({"challenges": [challenge("arena", one, two)]})) as after:
        after.claim("two")
        shown = after.goal("two")
        assert shown.state == challenge_pb2.GOAL_STATE_CLAIMED
        assert not shown.HasField("complete_time")
        assert refusal(lambda: after.claim("two")).reason == "ALREADY_CLAIMED"


def test_a_reward_can_be_claimed_once_it_is_unlocked(sample_game: Game) -> None:
    sample_game.set_active("champion", True)
    sample_game.report(stat("wins", delta=10))
    assert refusal(lambda: sample_game.claim("champion")).reason == "GOAL_LOCKED"
    sample_game.report(stat("level", value=5))
    sample_game.claim("champion")


def claim(running: Game, goal_id: str, challenge_id: str = "arena", **further: Any) -> object:
    request = ClaimRewardRequest(user_id="player", challenge_id=challenge_id, goal_id=goal_id, **further)
    return running.challenges.ClaimReward(request)


def nothing(running: Game) -> None:
    """Prepare nothing."""
    running.goals()


REFUSED: dict[str, tuple[Callable[[Game], object], Callable[[Game], object], grpc.StatusCode, str]] = {
    # The preparation, the claim, and the expected error.
    "no such challenge": (
        nothing,
        lambda running: claim(running, "warm-up", "nowhere"),
        NOT_FOUND,
        "CHALLENGE_NOT_FOUND",
    ),
    "no such goal": (
        nothing,
        lambda running: claim(running, "nothing"),
        NOT_FOUND,
        "GOAL_NOT_FOUND",
    ),
    "a goal of another challenge": (
        lambda running: running.report(stat("wins", delta=3)),
        lambda running: claim(running, "warm-up", "career"),
        NOT_FOUND,
        "GOAL_NOT_FOUND",
    ),
    "a second occurrence": (
        lambda running: running.report(stat("wins", delta=3)),
        lambda running: claim(running, "warm-up", occurrence=2),
        NOT_FOUND,
        "OCCURRENCE_NOT_FOUND",
    ),
    "a period of a goal that has none": (
        lambda running: running.report(stat("wins", delta=3)),
        lambda running: claim(running, "warm-up", period_start=timestamp(NOW - NOW % DAY)),
        NOT_FOUND,
        "OCCURRENCE_NOT_FOUND",
    ),
    "nothing done": (
        nothing,
        lambda running: claim(running, "warm-up"),
        FAILED_PRECONDITION,
        "GOAL_NOT_COMPLETED",
    ),
    "not enough done": (
        lambda running: running.report(stat("wins", delta=2)),
        lambda running: claim(running, "warm-up"),
        FAILED_PRECONDITION,
        "GOAL_NOT_COMPLETED",
    ),
    "never active": (
        lambda running: running.report(stat("chests", delta=1), stat("chests", delta=1)),
        lambda running: claim(running, "chests", "island"),
        FAILED_PRECONDITION,
        "GOAL_INACTIVE",
    ),
    "deactivated": (
        lambda running: (running.report(stat("wins", delta=3)), running.set_active("warm-up", False)),
        lambda running: claim(running, "warm-up"),
        FAILED_PRECONDITION,
        "GOAL_INACTIVE",
    ),
    "locked": (
        lambda running: (running.set_active("champion", True), running.report(stat("wins", delta=10))),
        lambda running: claim(running, "champion"),
        FAILED_PRECONDITION,
        "GOAL_LOCKED",
    ),
    "claimed": (
        lambda running: (running.report(stat("wins", delta=3)), claim(running, "warm-up")),
        lambda running: claim(running, "warm-up"),
        ALREADY_EXISTS,
        "ALREADY_CLAIMED",
    ),
    "claimed, and inactive since": (
        lambda running: (
            running.report(stat("wins", delta=3)),
            claim(running, "warm-up"),
            running.set_active("warm-up", False),
        ),
        lambda running: claim(running, "warm-up"),
        ALREADY_EXISTS,
        "ALREADY_CLAIMED",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_claim_has_a_reason_and_stores_nothing(sample_game: Game, case: str) -> None:
    prepare, attempt, code, reason = REFUSED[case]
    prepare(sample_game)
    before = contents(sample_game.database_url)
    refused = refusal(lambda: attempt(sample_game))
    assert (refused.code, refused.reason) == (code, reason)
    assert refused.retry_after_s is None
    assert contents(sample_game.database_url) == before


@pytest.mark.parametrize("occurrence", [0, 1])
def test_the_only_occurrence_is_optional(sample_game: Game, occurrence: int) -> None:
    sample_game.report(stat("wins", delta=3))
    claim(sample_game, "warm-up", occurrence=occurrence)


def test_each_player_has_their_own_claim(sample_game: Game) -> None:
    sample_game.report(stat("wins", "one", delta=3), stat("wins", "other", delta=3))
    grants = {sample_game.claim("warm-up", who).grant_id for who in ("one", "other")}
    assert len(grants) == 2


def test_every_goal_has_its_own_grant(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3), login(at=NOW - DAY), login(at=NOW - SECOND))
    grants = {sample_game.claim(goal_id).grant_id for goal_id in ("warm-up", "welcome", "regular")}
    assert len(grants) == 3


def test_claims_survive_a_restart(sample_game: Game, database_url: str) -> None:
    sample_game.report(stat("wins", delta=3))
    claim(sample_game, "warm-up")
    catalogue = loaded({"challenges": [challenge("arena", assigned("warm-up", target=3))]})
    with challenge_service(database_url, catalogue, clock=ManualClock()) as another:
        request = ClaimRewardRequest(user_id="player", challenge_id="arena", goal_id="warm-up")
        assert refusal(lambda: another.ClaimReward(request)).reason == "ALREADY_CLAIMED"
    assert written(contents(database_url))["reward_outbox"] == 1
