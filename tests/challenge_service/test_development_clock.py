"""Both services with the development clock: calls carry the instant that is now for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import leaderboard_service_pb2 as leaderboard_rpc
from challenge.v1 import statistics_service_pb2 as statistics_rpc

from shared.domain.goal import Source, Stat
from shared.domain.instant import DAY, HOUR, Instant, to_datetime
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure
from shared.domain.recurrence import Every, Recurrence
from shared.domain.reward import ClaimMode
from shared.domain.schedules import DAILY, WEEKLY, Schedule
from shared.rpc.carried_time import KEY
from shared.rpc.instants import instant_of
from shared.runtime.development_clock import DevelopmentClock
from tests.support.event_messages import stat
from tests.support.goals import CHALLENGE_ID, catalogue_of, goal
from tests.support.refusals import refusal
from tests.support.services import NOW, Game, game
from tests.support.strategies import KILLS

TOURS, STAGES = Stat(Source.STAT, "tours"), Stat(Source.STAT, "stages")
OWN_DAY = Schedule(Recurrence(Every.DAY, by_player=True), id="own-day")
GOALS = (
    goal("daily", target=2, schedule=DAILY),
    goal("weekly", target=4, schedule=WEEKLY),
    goal("own-day", target=2, schedule=OWN_DAY),
)
# The goal that is claimed without a call is locked until one of the same period and one of a longer one are completed.
LOCKED = (
    goal("tour", stat=TOURS, target=1, schedule=WEEKLY),
    goal("stage", stat=STAGES, target=1, schedule=DAILY),
    replace(
        goal("prize", stat=STAGES, target=1, schedule=DAILY, requires=("stage", "tour")), claim_mode=ClaimMode.AUTO
    ),
)
BOARD = Leaderboard("week", "Week", "", LeaderboardMeasure.SUM, KILLS, WEEKLY)
CATALOGUE = replace(catalogue_of(*GOALS, *LOCKED), schedules=(OWN_DAY,), leaderboards=(BOARD,))
TODAY = NOW - NOW % DAY
NEXT_MONTH = NOW + 30 * DAY


@pytest.fixture(scope="module")
def warped(postgres_server: Any) -> Iterator[Game]:
    """Run both services with one development clock."""
    with postgres_server.fresh_database() as url, game(url, CATALOGUE, development=DevelopmentClock()) as running:
        yield running


@pytest.fixture
def player(request: pytest.FixtureRequest) -> str:
    """Return a player of the test's own."""
    return str(request.node.name)


def at(instant: Instant) -> dict[str, Any]:
    """Return what a call carries."""
    return {"metadata": ((KEY, to_datetime(instant).isoformat()),)}


def report(running: Game, instant: Instant, *events: event_rpc.Event) -> Sequence[event_rpc.EventResult]:
    return running.events.ReportEvents(event_rpc.ReportEventsRequest(events=events), **at(instant)).results


def verdicts(results: Sequence[event_rpc.EventResult]) -> list[str]:
    return [event_rpc.Verdict.Name(result.verdict).removeprefix("VERDICT_") for result in results]


def progress(running: Game, player: str, instant: Instant) -> dict[str, int]:
    listed = running.challenges.ListChallenges(rpc.ListChallengesRequest(user_id=player), **at(instant))
    return {goal.goal_id: goal.progress for challenge in listed.challenges for goal in challenge.goals}


@pytest.mark.parametrize("now", [NEXT_MONTH, NOW + 7_000 * DAY, NOW - 400 * DAY, NOW - 8_000 * DAY])
def test_events_are_accepted_around_the_instant_that_the_call_carries(warped: Game, player: str, now: Instant) -> None:
    event = partial(stat, "kills", player, delta=1)
    sent = [event(at=now), event(at=now + 600_000_000), event(at=now - 4 * DAY), event(at=now - 2 * DAY)]
    results = report(warped, now, *sent)
    assert verdicts(results) == ["APPLIED", "INVALID", "TOO_OLD", "APPLIED"]
    assert [result.late for result in results] == [False, False, False, True]
    # Whatever instant the next call carries, an event counts once.
    assert verdicts(report(warped, now + DAY, sent[0], sent[3])) == ["DUPLICATE", "DUPLICATE"]
    assert progress(warped, player, now)["daily"] == 1
    assert progress(warped, player, now + DAY)["daily"] == 0


def test_a_stream_runs_at_the_instant_that_it_carries(warped: Game, player: str) -> None:
    event = stat("kills", player, delta=1, at=NEXT_MONTH)
    for metadata, verdict in ((at(NEXT_MONTH), "APPLIED"), ({}, "INVALID"), (at(NEXT_MONTH + DAY), "DUPLICATE")):
        batches = iter([event_rpc.StreamEventsRequest(events=[event])])
        (response,) = warped.events.StreamEvents(batches, **metadata)
        assert verdicts(response.results) == [verdict]
    (result,) = report(warped, NEXT_MONTH + 4 * DAY, event)
    assert verdicts([result]) == ["TOO_OLD"]


def test_a_malformed_instant_ends_calls_and_streams(warped: Game, player: str) -> None:
    metadata = ((KEY, "tomorrow"),)
    requests = iter([event_rpc.StreamEventsRequest(events=[stat("kills", player, delta=1)])])
    for call in (
        lambda: warped.challenges.ListChallenges(rpc.ListChallengesRequest(user_id=player), metadata=metadata),
        lambda: list(warped.events.StreamEvents(requests, metadata=metadata)),
    ):
        refused = refusal(call)
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "RFC 3339" in refused.fields[KEY]


def test_yesterdays_reward_is_claimed_today_and_is_due_at_once(warped: Game, player: str) -> None:
    report(warped, NEXT_MONTH, stat("kills", player, delta=2, at=NEXT_MONTH))
    claim = rpc.ClaimRewardRequest(user_id=player, challenge_id=CHALLENGE_ID, goal_id="daily")
    assert refusal(lambda: warped.challenges.ClaimReward(claim)).reason == "GOAL_NOT_COMPLETED"
    claimed = warped.challenges.ClaimReward(claim, **at(NEXT_MONTH + DAY)).claim
    assert instant_of(claimed.period_start) == TODAY + 30 * DAY
    assert instant_of(claimed.claim_time) == NOW
    due = "SELECT microseconds(due_time), microseconds(create_time) FROM reward_outbox WHERE user_id = %s"
    assert warped.rows(due, player) == [(NOW, NOW)]
    found = rpc.GetClaimRequest(user_id=player, grant_id=claimed.grant_id)
    assert warped.challenges.GetClaim(found, **at(NEXT_MONTH)).claim.grant_id == claimed.grant_id
    all_claims = warped.challenges.ClaimAll(rpc.ClaimAllRequest(user_id=player), **at(NEXT_MONTH + 7 * DAY))
    assert [(each.goal_id, each.newly_claimed) for each in all_claims.results] == [("daily", False), ("own-day", True)]
    assert set(warped.rows(due, player)) == {(NOW, NOW)}
    expired = rpc.ListClaimableRequest(user_id=player)
    assert not warped.challenges.ListClaimable(expired, **at(NEXT_MONTH + 9 * DAY)).rewards


@pytest.mark.parametrize("now", [NOW, NEXT_MONTH, NOW + 7_000 * DAY, NOW - 400 * DAY])
def test_a_goal_is_claimed_without_a_call_at_the_instant_that_its_event_carries(
    warped: Game, player: str, now: Instant
) -> None:
    report(warped, now, stat("stages", player, delta=1, at=now))
    claim = "SELECT microseconds(claim_time) FROM completion WHERE user_id = %s AND goal_id = 'prize'"
    assert warped.rows(claim, player) == [(None,)]
    report(warped, now, stat("tours", player, delta=1, at=now))
    assert warped.rows(claim, player) == [(NOW,)]


def test_zones_are_named_at_the_instant_that_the_call_carries(warped: Game, player: str) -> None:
    def initialize(zone: str, instant: Instant) -> rpc.InitializePlayerResponse:
        request = rpc.InitializePlayerRequest(user_id=player, time_zone=zone)
        return warped.challenges.InitializePlayer(request, **at(instant))

    initialize("Asia/Tokyo", NEXT_MONTH - 20 * DAY)
    assert not initialize("Europe/Paris", NEXT_MONTH).HasField("time_zone_refused")
    refused = initialize("UTC", NEXT_MONTH + DAY).time_zone_refused
    assert instant_of(refused.next_change_time) == NEXT_MONTH + 7 * DAY
    assert not initialize("UTC", NEXT_MONTH + 7 * DAY).HasField("time_zone_refused")
    # Back in the past, an instant before the last one.
    assert initialize("Asia/Tokyo", NEXT_MONTH).HasField("time_zone_refused")

    rotation = warped.challenges.GetRotation(rpc.GetRotationRequest(user_id=player), **at(NEXT_MONTH + 6 * DAY))
    (own_day,) = (each for each in rotation.schedules if each.schedule_id == "own-day")
    # 5 April in Paris, in summer time.
    assert instant_of(own_day.current.start_time) == TODAY + 36 * DAY - 2 * HOUR


def test_leaderboards_and_statistics_are_of_the_instant_that_the_call_carries(warped: Game, player: str) -> None:
    in_a_week = NEXT_MONTH + 7 * DAY
    trend = statistics_rpc.GetPlayerTrendRequest(user_id=player)
    days = warped.statistics.GetPlayerTrend(trend, **at(in_a_week)).days
    assert instant_of(days[-1].start_time) == TODAY + 37 * DAY
    board = leaderboard_rpc.ListLeaderboardRequest(leaderboard_id="week")
    call = partial(warped.leaderboards.ListLeaderboard, board, **at(in_a_week))
    assert refusal(call).reason == "RANKING_UNAVAILABLE"
