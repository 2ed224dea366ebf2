"""Initializing a player."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import psycopg
import pytest
from challenge.v1.challenge_service_pb2 import InitializePlayerRequest, InitializePlayerResponse

from shared.domain.instant import HOUR, to_datetime
from tests.support.database_contents import contents, written
from tests.support.event_messages import stat
from tests.support.refusals import refusal
from tests.support.sample_catalogue import DEFAULT_GOALS
from tests.support.services import NOW, Game
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("patient_pool")


def initialize(game: Game, time_zone: str = "", user_id: str = "player") -> InitializePlayerResponse:
    return game.challenges.InitializePlayer(InitializePlayerRequest(user_id=user_id, time_zone=time_zone))


def stored_time_zone(game: Game) -> str:
    [(time_zone,)] = game.rows("SELECT time_zone FROM player WHERE user_id = 'player'")
    return str(time_zone)


def test_a_new_player_takes_one_row_and_gets_the_default_goals(sample_game: Game) -> None:
    response = initialize(sample_game)
    assert response.created
    assert response.new_assignments == len(DEFAULT_GOALS)
    assert [goal.goal_id for goal in response.goals] == DEFAULT_GOALS
    assert all(goal.active for goal in response.goals)
    assert written(contents(sample_game.database_url)) == {"player": 1}
    [(initialize_time,)] = sample_game.rows("SELECT initialize_time FROM player")
    assert initialize_time == to_datetime(NOW)


def test_initializing_again_writes_nothing(sample_game: Game) -> None:
    initialize(sample_game, "Europe/Paris")
    before = contents(sample_game.database_url)
    sample_game.clock.now += HOUR
    for time_zone in ("", "Europe/Paris"):
        response = initialize(sample_game, time_zone)
        assert not response.created
        assert response.new_assignments == 0
        assert [goal.goal_id for goal in response.goals] == DEFAULT_GOALS
    assert contents(sample_game.database_url) == before


def test_the_response_has_the_active_goals_as_in_lists(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=2))
    sample_game.set_active("warm-up", False)
    sample_game.set_active("chests", True)
    shown = [goal for goal in sample_game.goals().values() if goal.active]
    assert list(initialize(sample_game).goals) == shown
    assert [goal.goal_id for goal in shown] == ["high-score", "veteran", "welcome", "regular", "chests"]


def test_a_player_with_events_is_created(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=2))
    response = initialize(sample_game)
    assert response.created
    assert response.goals[0].progress == 2


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (["", ""], "UTC"),
        (["Asia/Tokyo", ""], "Asia/Tokyo"),
        (["", "Asia/Tokyo"], "Asia/Tokyo"),
        (["Asia/Tokyo", "UTC", "America/Argentina/Buenos_Aires"], "UTC"),
    ],
)
def test_a_time_zone_is_kept_until_another_is_given(sample_game: Game, given: list[str], stored: str) -> None:
    for time_zone in given:
        initialize(sample_game, time_zone)
    assert stored_time_zone(sample_game) == stored
    assert written(contents(sample_game.database_url)) == {"player": 1}


@pytest.mark.parametrize(
    "time_zone",
    [
        "Mars/Olympus_Mons",
        "europe/paris",
        "+02:00",
        " UTC",
        "../../etc/passwd",
        "Europe/Paris\0",
        "x" * 65,
        "é" * 1_000,
    ],
)
def test_an_invalid_time_zone_is_refused_and_nothing_is_stored(sample_game: Game, time_zone: str) -> None:
    refused = refusal(lambda: initialize(sample_game, time_zone))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(refused.fields) == {"time_zone"}
    assert written(contents(sample_game.database_url)) == {}


def test_exactly_one_of_concurrent_first_calls_creates_the_player(sample_game: Game) -> None:
    with ThreadPoolExecutor(16) as callers:
        responses = list(callers.map(lambda _: initialize(sample_game), range(16)))
    assert sum(response.created for response in responses) == 1
    assert {response.new_assignments for response in responses} == {0, len(DEFAULT_GOALS)}
    assert written(contents(sample_game.database_url)) == {"player": 1}


@pytest.mark.one_server
def test_a_time_zone_is_stored_if_a_concurrent_call_creates_the_player(sample_game: Game) -> None:
    with psycopg.connect(sample_game.database_url) as other, ThreadPoolExecutor(1) as caller:
        other.execute("INSERT INTO player VALUES ('player', 'UTC', now())")
        reply = caller.submit(initialize, sample_game, "Asia/Tokyo")
        wait_until(lambda: sample_game.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        other.commit()
        assert not reply.result().created
    assert stored_time_zone(sample_game) == "Asia/Tokyo"
