"""Players of a cluster join, play, claim and are ranked, by services as processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import leaderboard_service_pb2 as board_rpc
from challenge.v1 import statistics_service_pb2 as statistics_rpc
from challenge.v1.challenge_pb2 import GOAL_STATE_CLAIMED
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub
from challenge.v1.statistics_service_pb2_grpc import StatisticsServiceStub

from tests.support.event_messages import login, stat
from tests.support.service_process import ServiceProcess, serving
from tests.support.services import rows
from tests.support.waiting import wait_until

PLAYERS = [f"player {number}" for number in range(8)]
"""Enough for players on every shard."""
RANKED_S = 60.0


@pytest.fixture
def services(citus_url: str, redis_url: str) -> Iterator[tuple[ServiceProcess, ServiceProcess]]:
    """Yield the challenge service and the event handler with the demo catalogue."""
    with ExitStack() as running:
        challenges, events = (
            running.enter_context(serving(module, citus_url, REDIS_URL=redis_url))
            for module in ("challenge_service", "event_handler")
        )
        yield challenges, events


@pytest.mark.slow
def test_players_join_play_claim_and_are_ranked(
    services: tuple[ServiceProcess, ServiceProcess], citus_url: str
) -> None:
    challenges, events = services[0].challenges, services[1].events
    now = time.time_ns() // 1_000
    for player in PLAYERS:
        initialized = challenges.InitializePlayer(rpc.InitializePlayerRequest(user_id=player))
        assert initialized.created
        assert initialized.new_assignments == len(initialized.goals) > 0

    batch = [login(player, at=now) for player in PLAYERS]
    batch += [stat("matches_won", player, delta=3, at=now) for player in PLAYERS]
    batch += [stat("match_score", player, value=100 + place, at=now) for place, player in enumerate(PLAYERS)]
    for verdict in (event_rpc.VERDICT_APPLIED, event_rpc.VERDICT_DUPLICATE):
        results = events.ReportEvents(event_rpc.ReportEventsRequest(events=batch)).results
        assert {result.verdict for result in results} == {verdict}

    for player in PLAYERS:
        claim = rpc.ClaimRewardRequest(user_id=player, challenge_id="combat", goal_id="win-3-matches", request_id="one")
        first = challenges.ClaimReward(claim).claim
        assert challenges.ClaimReward(claim).claim.grant_id == first.grant_id
        listed = challenges.ListChallenges(rpc.ListChallengesRequest(user_id=player)).challenges
        goals = {goal.goal_id: goal for challenge in listed for goal in challenge.goals}
        assert goals["win-3-matches"].state == GOAL_STATE_CLAIMED
        assert goals["first-login"].progress == 1
    assert rows(citus_url, "SELECT count(*), count(DISTINCT user_id) FROM reward_outbox") == [(8, 8)]

    statistics = StatisticsServiceStub(services[0].channel)
    for player in PLAYERS:
        stats = statistics.GetPlayerStats(statistics_rpc.GetPlayerStatsRequest(user_id=player)).stats
        assert stats.total.completed == 2
        assert stats.total.claimed == 1
        assert stats.current_login_streak == 1

    boards = LeaderboardServiceStub(services[0].channel)

    def ranked() -> list[tuple[str, int]]:
        asked = board_rpc.ListLeaderboardRequest(leaderboard_id="high-scores")
        return [(entry.user_id, entry.score) for entry in boards.ListLeaderboard(asked).entries]

    expected = [(player, 100 + place) for place, player in reversed(list(enumerate(PLAYERS)))]
    wait_until(lambda: ranked() == expected, RANKED_S)
    assert [service.stop() for service in services] == [0, 0]
