"""Ids with quotes, colons, emoji, SQL or writing from right to left are stored and found letter for letter."""

from __future__ import annotations

import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest, InitializePlayerRequest, SetGoalActiveRequest

from tests.arena import challenge
from tests.bad_ids import STRANGE
from tests.catalogue.documents import goal, loaded
from tests.refusals import refusal
from tests.reported import stat
from tests.services import Game, game


@pytest.mark.parametrize("strange", STRANGE)
def test_an_id_is_stored_letter_for_letter(database_url: str, strange: str) -> None:
    reward = {"type": "ITEM", "id": strange, "quantity": 1}
    catalogue = loaded(
        {"challenges": [challenge(strange, goal(strange, stat=strange, count="sum", target=1, reward=reward))]}
    )
    with game(database_url, catalogue) as running:
        running.challenges.InitializePlayer(InitializePlayerRequest(user_id=strange))
        [result] = running.report(stat(strange, strange, delta=1, event_id=strange))
        assert (result.verdict, result.event_id) == (rpc.VERDICT_APPLIED, strange)
        [again] = running.report(stat(strange, strange, delta=1, event_id=strange))
        assert again.verdict == rpc.VERDICT_DUPLICATE
        switch = SetGoalActiveRequest(user_id=strange, challenge_id=strange, goal_id=strange, active=True)
        activated = running.challenges.SetGoalActive(switch).goal
        assert (activated.goal_id, activated.challenge_id, activated.requirement.stat_code) == (strange,) * 3
        request = ClaimRewardRequest(user_id=strange, challenge_id=strange, goal_id=strange, request_id=strange)
        claim = running.challenges.ClaimReward(request).claim
        assert claim.reward.reward_id == strange
        assert running.challenges.ClaimReward(request).claim == claim

        assert running.rows("SELECT user_id FROM player") == [(strange,)]
        assert running.rows("SELECT user_id FROM event_seen") == [(strange,)]
        assert running.rows("SELECT user_id, stat_code FROM tally") == [(strange, strange)]
        assert running.rows("SELECT user_id, goal_id FROM assignment") == [(strange, strange)]
        stored = "SELECT user_id, goal_id, claim_request_id FROM completion"
        assert running.rows(stored) == [(strange, strange, strange)]
        stored = "SELECT user_id, goal_id, reward_id FROM reward_outbox"
        assert running.rows(stored) == [(strange, strange, strange)]


def test_players_whose_ids_look_alike_are_different_players(database_url: str) -> None:
    catalogue = loaded({"challenges": [challenge("arena", goal("win", target=1_000, default_assigned=True))]})
    with game(database_url, catalogue) as running:
        events = [stat("wins", who, delta=number, event_id="same") for number, who in enumerate(STRANGE, 1)]
        assert {result.verdict for result in running.report(*events)} == {rpc.VERDICT_APPLIED}
        for number, who in enumerate(STRANGE, 1):
            assert running.goal("win", who).progress == number
        assert running.rows("SELECT user_id FROM tally ORDER BY sum") == [(who,) for who in STRANGE]


def test_a_refusal_names_a_strange_id_letter_for_letter(arena_game: Game) -> None:
    for strange in STRANGE:
        request = SetGoalActiveRequest(user_id="player", challenge_id="arena", goal_id=strange)
        refused = refusal(lambda request=request: arena_game.challenges.SetGoalActive(request))  # type: ignore[misc]
        assert refused.metadata["goal_id"] == strange
