"""The servicer alone, called by gRPC's testing library without a server or a network."""

from __future__ import annotations

from typing import Any

import grpc
import grpc_testing  # type: ignore[import-untyped]
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import leaderboard_service_pb2 as leaderboard_rpc
from challenge.v1 import statistics_service_pb2 as statistics_rpc
from google.protobuf.message_factory import GetMessageClass

from challenge_service.__main__ import CONTRACT, LEADERBOARD_CONTRACT, STATISTICS_CONTRACT
from shared.domain.claims import grant_id
from shared.domain.events import CompletionKey
from shared.domain.instant import LIFETIME_START
from tests.support.event_messages import login, stat
from tests.support.leaderboards import ranked_now
from tests.support.sample_catalogue import sample_catalogue_with_leaderboards
from tests.support.servicers import challenge_servicers
from tests.support.services import ManualClock, game

CLAIMED = grant_id(CompletionKey("player", "welcome", LIFETIME_START, 1), 1)
"""The grant of an earlier claim of the player."""

REQUESTS = {
    "InitializePlayer": rpc.InitializePlayerRequest(user_id="player"),
    "ListChallenges": rpc.ListChallengesRequest(user_id="player"),
    "GetChallenge": rpc.GetChallengeRequest(user_id="player", challenge_id="arena"),
    "SetGoalActive": rpc.SetGoalActiveRequest(user_id="player", challenge_id="arena", goal_id="champion", active=True),
    "ClaimReward": rpc.ClaimRewardRequest(user_id="player", challenge_id="arena", goal_id="warm-up"),
    "ClaimAll": rpc.ClaimAllRequest(user_id="player"),
    "ListClaimable": rpc.ListClaimableRequest(user_id="player"),
    "GetClaim": rpc.GetClaimRequest(user_id="player", grant_id=CLAIMED),
    "ListClaims": rpc.ListClaimsRequest(user_id="player"),
    "GetRotation": rpc.GetRotationRequest(user_id="player"),
    "SelectGoals": rpc.SelectGoalsRequest(user_id="player", challenge_id="arena", goal_ids=["champion"]),
    "SelectRandomGoals": rpc.SelectRandomGoalsRequest(user_id="player", challenge_id="arena", count=1),
    "GetPlayerStats": statistics_rpc.GetPlayerStatsRequest(user_id="player"),
    "GetPlayerTrend": statistics_rpc.GetPlayerTrendRequest(user_id="player"),
    "GetChallengeReport": statistics_rpc.GetChallengeReportRequest(),
    "ListLeaderboards": leaderboard_rpc.ListLeaderboardsRequest(),
    "ListLeaderboard": leaderboard_rpc.ListLeaderboardRequest(leaderboard_id="wins"),
    "GetPlayerRank": leaderboard_rpc.GetPlayerRankRequest(leaderboard_id="wins", user_id="player"),
}
EXPECTED: dict[str, Any] = {
    "InitializePlayer": lambda reply: reply.created and len(reply.goals) == reply.new_assignments,
    "ListChallenges": lambda reply: [each.challenge_id for each in reply.challenges] == ["arena", "career", "island"],
    "GetChallenge": lambda reply: reply.challenge.goals[0].state == challenge_pb2.GOAL_STATE_COMPLETED,
    "SetGoalActive": lambda reply: reply.goal.active and reply.goal.progress == 3,
    "ClaimReward": lambda reply: reply.claim.state == challenge_pb2.CLAIM_STATE_PENDING,
    "ClaimAll": lambda reply: [each.newly_claimed for each in reply.results] == [True, False],
    "ListClaimable": lambda reply: [each.goal_id for each in reply.rewards] == ["warm-up"],
    "GetClaim": lambda reply: reply.claim.goal_id == "welcome" and reply.HasField("position"),
    "ListClaims": lambda reply: [each.grant_id for each in reply.claims] == [CLAIMED],
    "GetRotation": lambda reply: reply.catalogue_version and not reply.schedules,
    "SelectGoals": lambda reply: reply.activated_goal_ids == ["champion"] and reply.challenge.goals[2].active,
    "SelectRandomGoals": lambda reply: reply.selected_goal_ids and reply.challenge.challenge_id == "arena",
    "GetPlayerStats": lambda reply: (reply.stats.total.completed, reply.stats.total.claimed) == (2, 1),
    "GetPlayerTrend": lambda reply: [each.completed for each in reply.days[-2:]] == [0, 2],
    "GetChallengeReport": lambda reply: [each.challenge_id for each in reply.reports] == ["arena", "career", "island"],
    "ListLeaderboards": lambda reply: [each.leaderboard_id for each in reply.leaderboards] == ["wins", "points"],
    "ListLeaderboard": lambda reply: [(each.user_id, each.score) for each in reply.entries] == [("player", 3)],
    "GetPlayerRank": lambda reply: (reply.on_board, reply.entry.rank, reply.percentile) == (True, 1, 100),
}
CONTRACTS = {
    method.name: contract
    for contract in (CONTRACT, STATISTICS_CONTRACT, LEADERBOARD_CONTRACT)
    for method in contract.methods
}


def test_there_is_a_request_for_every_method() -> None:
    # This catalogue has no pool and no premium track: see test_rerolls.py and test_premium.py beside this file.
    assert set(REQUESTS) | {"RerollGoal", "SetPlayerAttribute"} == set(CONTRACTS)


@pytest.mark.parametrize("name", REQUESTS)
def test_every_method_returns_its_response(database_url: str, name: str) -> None:
    with game(database_url, sample_catalogue_with_leaderboards()) as running:
        running.report(stat("wins", delta=3), login())
        running.claim("welcome")
    ranked_now(database_url, sample_catalogue_with_leaderboards())
    with challenge_servicers(database_url, sample_catalogue_with_leaderboards(), clock=ManualClock()) as servicers:
        server = grpc_testing.server_from_dictionary(
            {
                CONTRACT: servicers.challenges,
                STATISTICS_CONTRACT: servicers.statistics,
                LEADERBOARD_CONTRACT: servicers.leaderboards,
            },
            grpc_testing.strict_real_time(),
        )
        method = CONTRACTS[name].methods_by_name[name]
        call = server.invoke_unary_unary(method, (), REQUESTS[name], timeout=60)
        response, _, code, details = call.termination()
    assert (code, details) == (grpc.StatusCode.OK, "")
    encoded = response if isinstance(response, bytes) else response.SerializeToString()
    assert EXPECTED[name](GetMessageClass(method.output_type).FromString(encoded))
