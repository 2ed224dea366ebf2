"""Both services as processes, and the calls of a game backend for a player's first days."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc

from shared.domain.instant import DAY, SECOND, Instant
from tests.support.event_messages import login, stat
from tests.support.refusals import refusal
from tests.support.service_process import ServiceProcess


@pytest.fixture
def services(database_url: str, redis_url: str) -> Iterator[tuple[ServiceProcess, ServiceProcess]]:
    """Start the challenge service and the event handler with the demo catalogue."""
    with ExitStack() as running:
        started = [
            running.enter_context(ServiceProcess(module, database_url, REDIS_URL=redis_url))
            for module in ("challenge_service", "event_handler")
        ]
        for service in started:
            service.wait_until_serving()
        yield started[0], started[1]


def test_a_player_joins_plays_and_claims(services: tuple[ServiceProcess, ServiceProcess]) -> None:
    challenges, events = services[0].challenges, services[1].events
    who = "ana"
    now: Instant = time.time_ns() // 1_000

    initialized = challenges.InitializePlayer(rpc.InitializePlayerRequest(user_id=who, time_zone="Europe/Lisbon"))
    assert initialized.created
    assert {goal.goal_id for goal in initialized.goals} == {
        "win-3-matches",
        "score-1000",
        "reach-level-5",
        "first-login",
        "log-in-on-2-days",
        "islands-pass",
        "season-3-duels",
    }
    assert initialized.new_assignments == 7

    # Yesterday the player only logged in.
    yesterday = login(who, at=now - DAY)
    reported = events.ReportEvent(event_rpc.ReportEventRequest(event=yesterday)).result
    assert [completion.goal_id for completion in reported.completions] == ["first-login"]

    # Today the player comes back, and wins.
    batch = [
        login(who, at=now),
        stat("matches_won", who, delta=1, at=now),
        stat("matches_won", who, delta=1, at=now + SECOND),
        stat("match_score", who, value=420, at=now),
        yesterday,
        stat("tea_drunk", who, delta=1, at=now),
    ]
    results = events.ReportEvents(event_rpc.ReportEventsRequest(events=batch)).results
    assert [event_rpc.Verdict.Name(result.verdict).removeprefix("VERDICT_") for result in results] == [
        "APPLIED",
        "APPLIED",
        "APPLIED",
        "APPLIED",
        "DUPLICATE",
        "NO_MATCHING_GOAL",
    ]
    assert results[0].completions[0].goal_id == "log-in-on-2-days"

    listed = challenges.ListChallenges(rpc.ListChallengesRequest(user_id=who, active_only=True)).challenges
    assert [challenge.challenge_id for challenge in listed] == [
        "combat",
        "exploration",
        "daily-play",
        "season-pass",
    ]
    shown = {goal.goal_id: (goal.progress, goal.target) for challenge in listed for goal in challenge.goals}
    assert shown["win-3-matches"] == (2, 3)
    assert shown["score-1000"] == (420, 1000)

    claim = rpc.ClaimRewardRequest(user_id=who, challenge_id="combat", goal_id="win-3-matches", request_id="claim-1")
    refused = refusal(lambda: challenges.ClaimReward(claim))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "GOAL_NOT_COMPLETED")

    # The third win arrives on a stream.
    third_win = event_rpc.StreamEventsRequest(events=[stat("matches_won", who, delta=1, at=now)])
    [streamed] = events.StreamEvents(iter([third_win]))
    assert streamed.results[0].completions[0].goal_id == "win-3-matches"

    claimed = challenges.ClaimReward(claim).claim
    assert claimed.reward == challenge_pb2.Reward(
        type=challenge_pb2.REWARD_TYPE_WALLET, reward_id="COINS", quantity=100
    )
    assert challenges.ClaimReward(claim).claim == claimed
    claim.ClearField("request_id")
    assert refusal(lambda: challenges.ClaimReward(claim)).reason == "ALREADY_CLAIMED"

    # A goal that the player activates counts earlier progress, and stays locked until the player has reached level 5.
    champion = rpc.SetGoalActiveRequest(user_id=who, challenge_id="combat", goal_id="win-10-matches", active=True)
    activated = challenges.SetGoalActive(champion).goal
    assert (activated.progress, activated.locked) == (3, True)
    events.ReportEvent(event_rpc.ReportEventRequest(event=stat("player_level", who, value=5, at=now)))
    combat = challenges.GetChallenge(rpc.GetChallengeRequest(user_id=who, challenge_id="combat")).challenge
    states = {goal.goal_id: goal.state for goal in combat.goals}
    assert states["win-3-matches"] == challenge_pb2.GOAL_STATE_CLAIMED
    assert not combat.goals[-1].locked

    for service in services:
        assert service.stop() == 0
        assert not service.other_lines
        # A machine that stands still for 0.1 s fails a probe of Redis, which says nothing about the story.
        unusual = [line for line in service.logs if line["level"] not in ("DEBUG", "INFO")]
        assert not [line for line in unusual if line["message"] != "probe failing"]
