"""Callers get the same bytes whether a player's completions are packed or not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import statistics_service_pb2 as statistics_rpc

from shared.domain.instant import DAY
from tests.catalogue.documents import loaded
from tests.support.databases import opened
from tests.support.event_messages import stat
from tests.support.packing import completions_by_table, pack_all, settle_all
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import Game, game

REWARDS = [{"type": "WALLET", "id": "COINS", "quantity": 10}, {"type": "ITEM", "id": "CAP", "quantity": 1}]
CATALOGUE = loaded(
    {
        "schedules": [{"id": "daily", "every": "day"}],
        "challenges": [
            challenge(
                "arena",
                assigned("wins", target=1, points=5, tags=["pvp"]),
                assigned("two rewards", stat="wins", target=1, reward=None, rewards=REWARDS),
                assigned("bounty", stat="wins", target=1, repeat=3),
                assigned("after wins", stat="wins", target=9, requires=["wins", "daily"]),
                assigned("open", stat="wins", target=2),
            ),
            challenge("days", assigned("daily", stat="wins", target=1, schedule="daily")),
        ],
    }
)


@pytest.fixture
def running(database_url: str) -> Iterator[Game]:
    with game(database_url, CATALOGUE) as running:
        yield running


def read(running: Game) -> list[bytes]:
    """Return what callers are told of the player, times of the calls aside."""
    calls = running.challenges
    responses = [
        calls.ListChallenges(rpc.ListChallengesRequest(user_id="player")),
        calls.ListChallenges(rpc.ListChallengesRequest(user_id="player", active_only=True)),
        calls.GetChallenge(rpc.GetChallengeRequest(user_id="player", challenge_id="arena")),
        calls.ListClaimable(rpc.ListClaimableRequest(user_id="player")),
        calls.ListClaims(rpc.ListClaimsRequest(user_id="player")),
        running.statistics.GetPlayerStats(statistics_rpc.GetPlayerStatsRequest(user_id="player")),
    ]
    return [response.SerializeToString(deterministic=True) for response in responses]


def test_every_read_returns_the_same_bytes(running: Game, database_url: str) -> None:
    running.report(stat("wins", delta=2))
    for goal_id in ("wins", "two rewards", "bounty", "bounty", "daily"):
        running.claim(goal_id, request_id=f"{goal_id} {running.clock.now}")
        running.clock.now += 1
    running.clock.now += 40 * DAY
    running.report(stat("wins", event_id="later", delta=1, at=running.clock.now))
    with opened(database_url) as database:
        settle_all(database, "player")
        before = read(running)
        assert pack_all(database, CATALOGUE, ["player"], running.clock.now) == 5
    assert completions_by_table(database_url)[1] == 5
    assert read(running) == before
    for goal_id in ("wins", "two rewards"):
        running.set_active(goal_id, False)
        running.set_active(goal_id, True)
    assert completions_by_table(database_url)[1] == 5
