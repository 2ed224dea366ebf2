"""The number of database round trips of a call."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import GetChallengeRequest, InitializePlayerRequest, ListChallengesRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.leaderboard_service_pb2 import GetPlayerRankRequest, ListLeaderboardRequest
from challenge.v1.leaderboard_service_pb2_grpc import LeaderboardServiceStub
from challenge.v1.statistics_service_pb2 import GetChallengeReportRequest, GetPlayerStatsRequest, GetPlayerTrendRequest
from challenge.v1.statistics_service_pb2_grpc import StatisticsServiceStub

from tests.support.event_messages import stat
from tests.support.leaderboards import ranked_now
from tests.support.proxy import proxy_to
from tests.support.round_trips import RoundTrips
from tests.support.sample_catalogue import sample_catalogue_with_leaderboards
from tests.support.services import ManualClock, challenge_channel, game


@pytest.mark.parametrize(
    "ask",
    [
        lambda channel: ChallengeServiceStub(channel).ListChallenges(ListChallengesRequest(user_id="player")),
        lambda channel: ChallengeServiceStub(channel).ListChallenges(
            ListChallengesRequest(user_id="player", active_only=True, page_size=1)
        ),
        lambda channel: ChallengeServiceStub(channel).ListChallenges(ListChallengesRequest(user_id="nobody")),
        lambda channel: ChallengeServiceStub(channel).GetChallenge(
            GetChallengeRequest(user_id="player", challenge_id="arena")
        ),
        lambda channel: ChallengeServiceStub(channel).InitializePlayer(InitializePlayerRequest(user_id="player")),
        lambda channel: StatisticsServiceStub(channel).GetPlayerStats(GetPlayerStatsRequest(user_id="player")),
        lambda channel: StatisticsServiceStub(channel).GetPlayerTrend(GetPlayerTrendRequest(user_id="player")),
        lambda channel: StatisticsServiceStub(channel).GetChallengeReport(GetChallengeReportRequest()),
        lambda channel: LeaderboardServiceStub(channel).ListLeaderboard(ListLeaderboardRequest(leaderboard_id="wins")),
        lambda channel: LeaderboardServiceStub(channel).ListLeaderboard(
            ListLeaderboardRequest(leaderboard_id="points", user_ids=["player", "nobody"])
        ),
        lambda channel: LeaderboardServiceStub(channel).GetPlayerRank(
            GetPlayerRankRequest(leaderboard_id="wins", user_id="player")
        ),
    ],
    ids=[
        "list",
        "page",
        "list of an unknown player",
        "one challenge",
        "initialize again",
        "statistics",
        "trend",
        "report",
        "leaderboard",
        "players of a leaderboard",
        "rank",
    ],
)
def test_a_read_is_one_round_trip(database_url: str, ask: Callable[[grpc.Channel], object]) -> None:
    with game(database_url, sample_catalogue_with_leaderboards()) as running:
        running.challenges.InitializePlayer(InitializePlayerRequest(user_id="player"))
        running.report(stat("wins", delta=5))
        running.set_active("chests", True)
    ranked_now(database_url, sample_catalogue_with_leaderboards())
    with (
        proxy_to(database_url) as (proxy, url_through_proxy),
        challenge_channel(
            url_through_proxy, sample_catalogue_with_leaderboards(), clock=ManualClock(), pool_size=1
        ) as channel,
    ):
        ask(channel)  # The first call on a connection prepares the statement.
        round_trips = RoundTrips()
        proxy.drop_reply(after=round_trips)
        for calls in range(1, 4):
            ask(channel)
            assert round_trips.count == calls
