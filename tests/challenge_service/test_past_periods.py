"""Rewards of past periods, as a caller claims them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import (
    ClaimAllRequest,
    ClaimRewardRequest,
    GetClaimRequest,
    ListClaimableRequest,
    ListClaimsRequest,
)
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.goal import Source, Stat
from shared.domain.instant import DAY, HOUR, LIFETIME_START, Instant, to_datetime
from shared.domain.schedules import DAILY, WEEKLY
from tests.support.event_messages import stat, timestamp
from tests.support.goals import catalogue_of, goal
from tests.support.periods import period_of
from tests.support.refusals import refusal, refusal_of
from tests.support.services import NOW, Game, ManualClock, challenge_service, game

WINS = Stat(Source.STAT, "wins")
DAY_1 = NOW // DAY * DAY
CLAIM_END = DAY_1 + 8 * DAY
"""Claim end of the first day."""
WEEK = period_of(WEEKLY, NOW).start
CATALOGUE = catalogue_of(
    replace(goal("daily", stat=WINS), schedule=DAILY),
    replace(goal("ever", stat=WINS, requires=("daily",)), schedule=WEEKLY),
    replace(goal("same day", stat=WINS, requires=("daily",)), schedule=DAILY),
    goal("lifetime", stat=WINS),
)


@pytest.fixture
def running(database_url: str) -> Iterator[Game]:
    """Yield a game whose player completed every goal with an event in the last microsecond of the first day."""
    with game(database_url, CATALOGUE, clock=ManualClock(DAY_1 + DAY - 1)) as started:
        started.report(stat("wins", delta=3, at=DAY_1 + DAY - 1))
        yield started


def claim(running: Game, goal_id: str, start: Instant | None = None, request_id: str = "") -> challenge_pb2.Claim:
    """Claim for a period."""
    request = ClaimRewardRequest(user_id="player", challenge_id="arena", goal_id=goal_id, request_id=request_id)
    if start is not None:
        request.period_start.CopyFrom(timestamp(start))
    return running.challenges.ClaimReward(request).claim


def reason(running: Game, goal_id: str, start: Instant | None = None, request_id: str = "") -> str:
    """Return why a claim is refused."""
    return refusal(lambda: claim(running, goal_id, start, request_id)).reason


def claimable(running: Game) -> list[tuple[str, Instant]]:
    """Return the goals and periods of the rewards that can be claimed."""
    rewards = running.challenges.ListClaimable(ListClaimableRequest(user_id="player")).rewards
    return [(each.goal_id, each.period.start_time.ToMicroseconds()) for each in rewards]


def outcome(service: ChallengeServiceStub, request: ClaimRewardRequest) -> str:
    """Return the grant of a claim, or why it is refused."""
    try:
        return service.ClaimReward(request).claim.grant_id
    except grpc.RpcError as error:
        return refusal_of(error).reason


def test_a_reward_completed_in_the_last_microsecond_is_claimed_until_its_claim_end(running: Game) -> None:
    running.clock.now = CLAIM_END - 1
    first = claim(running, "daily")
    assert first.period_start == timestamp(DAY_1)
    assert claim(running, "same day").period_start == timestamp(DAY_1)
    running.clock.now = CLAIM_END
    assert reason(running, "same day", DAY_1) == "CLAIM_ENDED"
    assert reason(running, "daily") == "GOAL_NOT_COMPLETED"


def test_a_claim_end_is_a_failed_precondition_and_tells_when_it_was(running: Game) -> None:
    running.clock.now = CLAIM_END
    refused = refusal(lambda: claim(running, "daily", DAY_1))
    assert (refused.code, refused.metadata) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        {"claim_end_time": to_datetime(CLAIM_END).isoformat()},
    )


def test_a_claim_under_a_request_id_is_returned_in_every_later_period(running: Game) -> None:
    first = claim(running, "daily", request_id="request")
    for now in (DAY_1 + DAY, CLAIM_END + 30 * DAY):
        running.clock.now = now
        assert claim(running, "daily", request_id="request") == first
        assert claim(running, "daily", DAY_1, request_id="request") == first
    running.report(stat("wins", delta=3, at=running.clock.now))
    assert claim(running, "daily", request_id="request") == first
    today = running.clock.now // DAY * DAY
    assert reason(running, "daily", today, "request") == "REQUEST_ID_REUSED"
    assert claim(running, "daily", today, "other").period_start == timestamp(today)


def test_a_retry_without_a_request_id_takes_no_reward_of_another_period(running: Game) -> None:
    running.clock.now = DAY_1 + DAY
    running.report(stat("wins", delta=3, at=DAY_1 + DAY))
    running.clock.now = DAY_1 + 2 * DAY
    assert claim(running, "daily").period_start == timestamp(DAY_1 + DAY)
    assert reason(running, "daily") == "ALREADY_CLAIMED"
    expected = [("same day", DAY_1 + DAY), ("same day", DAY_1), ("daily", DAY_1), ("ever", WEEK)]
    assert claimable(running) == [*expected, ("lifetime", LIFETIME_START)]


def test_a_late_event_completes_yesterday_and_its_reward_is_claimed(database_url: str) -> None:
    with game(database_url, CATALOGUE, clock=ManualClock(DAY_1 + DAY + HOUR)) as late:
        assert reason(late, "daily") == "GOAL_NOT_COMPLETED"
        late.report(stat("wins", delta=3, at=DAY_1 + HOUR))
        assert claim(late, "daily").period_start == timestamp(DAY_1)


def test_prerequisites_of_the_schedule_hold_in_the_same_period_and_others_ever(running: Game) -> None:
    running.clock.now = DAY_1 + DAY
    assert running.goal("same day").locked
    assert not running.goal("ever").locked
    assert claim(running, "ever").period_start == timestamp(WEEK)


def test_all_claims_take_past_periods_and_are_listed_newest_period_first(running: Game) -> None:
    running.clock.now = DAY_1 + DAY
    running.report(stat("wins", delta=3, at=DAY_1 + DAY))
    expected = claimable(running)
    results = running.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results
    assert all(each.newly_claimed and each.claim.period_start == each.period_start for each in results)
    assert claimable(running) == []
    assert [each.goal_id for each in results] == ["daily", "daily", "ever", "same day", "same day", "lifetime"]
    repeated = running.challenges.ClaimAll(ClaimAllRequest(user_id="player")).results
    assert [each.claim for each in repeated] == [each.claim for each in results]
    listed = running.challenges.ListClaims(ListClaimsRequest(user_id="player")).claims
    assert [each.goal_id for each in listed] == [goal_id for goal_id, _ in expected]
    assert not listed[-1].HasField("period_start")
    found = running.challenges.GetClaim(GetClaimRequest(user_id="player", grant_id=listed[0].grant_id)).claim
    assert found.period_start == timestamp(DAY_1 + DAY)


def test_rewards_that_can_be_claimed_show_period_claim_end_and_reward_in_pages(running: Game) -> None:
    running.clock.now = DAY_1 + 2 * DAY
    first, *others = running.challenges.ListClaimable(ListClaimableRequest(user_id="player")).rewards
    assert (first.challenge_id, first.goal_id, first.reward.reward_id) == ("arena", "same day", "GEMS")
    assert first.complete_time == timestamp(DAY_1 + DAY - 1)
    assert (first.period.start_time, first.period.end_time) == (timestamp(DAY_1), timestamp(DAY_1 + DAY))
    assert first.period.claim_end_time == timestamp(CLAIM_END)
    page = running.challenges.ListClaimable(ListClaimableRequest(user_id="player", page_size=1))
    claim(running, "same day")
    rest = running.challenges.ListClaimable(ListClaimableRequest(user_id="player", page_token=page.next_page_token))
    assert list(rest.rewards) == others
    assert not rest.next_page_token
    foreign = ListClaimableRequest(user_id="other", page_token=page.next_page_token)
    assert set(refusal(lambda: running.challenges.ListClaimable(foreign)).fields) == {"page_token"}


def test_a_goal_that_no_event_has_completed_is_claimed_in_its_period(running: Game) -> None:
    """The catalogue adds a daily goal whose target the player had reached."""
    added = replace(goal("added", stat=WINS), schedule=DAILY)
    catalogue = catalogue_of(*CATALOGUE.goals.values(), added)
    with challenge_service(running.database_url, catalogue, clock=running.clock) as service:

        def claim_ends() -> dict[str, Timestamp]:
            rewards = service.ListClaimable(ListClaimableRequest(user_id="player")).rewards
            return {each.goal_id: each.period.claim_end_time for each in rewards}

        ends = claim_ends()
        assert ends["daily"] == ends["same day"] == timestamp(CLAIM_END)
        assert ends["added"] == timestamp(DAY_1 + DAY)
        running.clock.now = DAY_1 + DAY
        assert "added" not in claim_ends()


def test_claims_on_both_sides_of_a_boundary_with_one_request_id_are_one_claim(running: Game) -> None:
    """Two services whose clocks differ claim at once, before and after the end of a day or of its claims."""
    for boundary in (DAY_1 + DAY, CLAIM_END):
        user_id = f"player at {boundary}"
        running.clock.now = DAY_1 + DAY - 1
        running.report(stat("wins", user_id, delta=3, at=DAY_1 + DAY - 1))
        request = ClaimRewardRequest(
            user_id=user_id, challenge_id="arena", goal_id="daily", request_id="request", period_start=timestamp(DAY_1)
        )
        with (
            challenge_service(running.database_url, CATALOGUE, clock=ManualClock(boundary - 1)) as before,
            challenge_service(running.database_url, CATALOGUE, clock=ManualClock(boundary)) as after,
            ThreadPoolExecutor(16) as callers,
        ):
            outcomes = list(callers.map(outcome, [before, after] * 16, [request] * 32))
        claims = {each for each in outcomes if each != "CLAIM_ENDED"}
        assert len(claims) == 1
        assert running.rows("SELECT count(*) FROM reward_outbox WHERE user_id = %s", user_id) == [(1,)]
