"""Rerolls as callers see them."""

from __future__ import annotations

import grpc
from challenge.v1.challenge_service_pb2 import GetChallengeRequest, RerollGoalRequest, SelectGoalsRequest
from challenge.v1.statistics_service_pb2 import GetPlayerStatsRequest

from tests.support.event_messages import stat
from tests.support.pool_catalogue import POOL, picks, pool_catalogue
from tests.support.refusals import refusal
from tests.support.services import game


def test_a_reroll_returns_the_challenge_with_the_other_goal(database_url: str) -> None:
    with game(database_url, pool_catalogue(rerolls=1)) as running:
        first, second = picks(running)
        request = RerollGoalRequest(user_id="player", challenge_id=POOL, goal_id=first, request_id="one")
        response = running.challenges.RerollGoal(request)
        assert response.rerolls_left == 0
        assert {goal.goal_id for goal in response.challenge.goals} == {response.replacement_goal_id, second}
        shown = running.challenges.GetChallenge(GetChallengeRequest(user_id="player", challenge_id=POOL))
        assert (shown.challenge, list(shown.periods)) == (response.challenge, list(response.periods))
        assert shown.challenge.rerolls == 1
        assert running.challenges.RerollGoal(request) == response

        spent = RerollGoalRequest(user_id="player", challenge_id=POOL, goal_id=second)
        refused = refusal(lambda: running.challenges.RerollGoal(spent))
        assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "REROLLS_SPENT")
        assert refused.metadata["reset_time"] == "2024-03-01T00:00:00+00:00"

        chosen = SelectGoalsRequest(user_id="player", challenge_id=POOL, goal_ids=[first])
        assert refusal(lambda: running.challenges.SelectGoals(chosen)).reason == "SELECTED_BY_POOL"
        other = RerollGoalRequest(user_id="player", challenge_id="career", goal_id="veteran")
        assert refusal(lambda: running.challenges.RerollGoal(other)).reason == "NOT_A_POOL"


def test_statistics_count_the_goals_that_the_player_has_since_a_reroll(database_url: str) -> None:
    with game(database_url, pool_catalogue(rerolls=1)) as running:
        first, second = picks(running)
        request = RerollGoalRequest(user_id="player", challenge_id=POOL, goal_id=first)
        replacement = running.challenges.RerollGoal(request).replacement_goal_id

        def under_way() -> int:
            asked = GetPlayerStatsRequest(user_id="player")
            return running.statistics.GetPlayerStats(asked).stats.goals_under_way

        for goal_id, expected in ((first, 0), (replacement, 1), (second, 2)):
            running.report(stat(goal_id, delta=1))
            assert under_way() == expected
