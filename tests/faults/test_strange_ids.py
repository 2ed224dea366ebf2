"""Ids with quotes, colons, emoji, SQL or right-to-left text are stored and found unchanged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest, InitializePlayerRequest, SetGoalActiveRequest

from tests.catalogue.documents import Mapping, goal, loaded
from tests.support.bad_ids import STRANGE
from tests.support.event_messages import stat
from tests.support.postgres_server import PostgresServer
from tests.support.refusals import refusal
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import Game, game

ALIKE = "alike"
"""A stat and a goal for the tests that concern only players."""


def strange_challenge(strange: str) -> Mapping:
    """Return a challenge with a goal, a stat and a reward that all have this id."""
    reward = {"type": "ITEM", "id": strange, "quantity": 1}
    return challenge(strange, goal(strange, stat=strange, count="sum", target=1, reward=reward))


@pytest.fixture(scope="module")
def running(postgres_server: PostgresServer) -> Iterator[Game]:
    """Yield a game whose catalogue has every strange id in every place."""
    challenges = [challenge(ALIKE, assigned(ALIKE, stat=ALIKE, target=1_000)), *map(strange_challenge, STRANGE)]
    with (
        postgres_server.fresh_database() as database_url,
        game(database_url, loaded({"challenges": challenges})) as running,
    ):
        yield running


@pytest.mark.parametrize("strange", STRANGE)
def test_an_id_is_stored_unchanged(running: Game, strange: str) -> None:
    running.challenges.InitializePlayer(InitializePlayerRequest(user_id=strange))
    event = stat(strange, strange, delta=1, event_id=strange)
    for verdict in (rpc.VERDICT_APPLIED, rpc.VERDICT_DUPLICATE):
        [result] = running.report(event)
        assert (result.verdict, result.event_id) == (verdict, strange)
    switch = SetGoalActiveRequest(user_id=strange, challenge_id=strange, goal_id=strange, active=True)
    activated = running.challenges.SetGoalActive(switch).goal
    assert (activated.goal_id, activated.challenge_id, activated.requirement.stat_code) == (strange,) * 3
    request = ClaimRewardRequest(user_id=strange, challenge_id=strange, goal_id=strange, request_id=strange)
    claim = running.challenges.ClaimReward(request).claim
    assert claim.reward.reward_id == strange
    assert running.challenges.ClaimReward(request).claim == claim

    for stored, expected in {
        "SELECT user_id FROM player WHERE user_id = %s": (strange,),
        "SELECT user_id FROM event_seen WHERE user_id = %s": (strange,),
        "SELECT user_id, stat_code FROM tally WHERE user_id = %s": (strange, strange),
        "SELECT user_id, goal_id FROM assignment WHERE user_id = %s": (strange, strange),
        "SELECT user_id, goal_id FROM completion WHERE user_id = %s": (strange, strange),
        "SELECT user_id, goal_id, reward_id, request_id FROM reward_outbox WHERE user_id = %s": (strange,) * 4,
    }.items():
        assert running.rows(stored, strange) == [expected]


def test_ids_that_look_alike_belong_to_different_players(running: Game) -> None:
    events = [stat(ALIKE, who, delta=number, event_id="same") for number, who in enumerate(STRANGE, 1)]
    assert {result.verdict for result in running.report(*events)} == {rpc.VERDICT_APPLIED}
    for number, who in enumerate(STRANGE, 1):
        assert running.goal(ALIKE, who).progress == number
    stored = running.rows("SELECT user_id FROM tally WHERE stat_code = %s ORDER BY sum", ALIKE)
    assert stored == [(who,) for who in STRANGE]


def test_an_error_names_a_strange_id_unchanged(running: Game) -> None:
    for strange in STRANGE:
        request = SetGoalActiveRequest(user_id="player", challenge_id=ALIKE, goal_id=strange)
        refused = refusal(lambda request=request: running.challenges.SetGoalActive(request))  # type: ignore[misc]
        assert refused.metadata["goal_id"] == strange
