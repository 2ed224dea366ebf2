"""Setting goals active and inactive."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import SetGoalActiveRequest

from shared.domain.instant import SECOND
from tests.support.database_contents import contents, written
from tests.support.event_messages import stat, timestamp
from tests.support.refusals import refusal
from tests.support.services import NOW, Game

pytestmark = pytest.mark.usefixtures("patient_pool")

COMPLETED = challenge_pb2.GOAL_STATE_COMPLETED
IN_PROGRESS = challenge_pb2.GOAL_STATE_IN_PROGRESS
NOT_STARTED = challenge_pb2.GOAL_STATE_NOT_STARTED


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("goal_id", ["warm-up", "chests"])
def test_the_response_is_the_goal_as_in_lists(sample_game: Game, goal_id: str, active: bool) -> None:
    sample_game.report(stat("wins", delta=2), stat("chests", delta=1))
    replied = sample_game.set_active(goal_id, active)
    assert replied.active == active
    assert replied == sample_game.goal(goal_id)


@pytest.mark.parametrize(("goal_id", "active"), [("warm-up", True), ("chests", False)])
def test_setting_the_catalogues_default_stores_nothing(sample_game: Game, goal_id: str, active: bool) -> None:
    assert sample_game.set_active(goal_id, active).active == active
    assert written(contents(sample_game.database_url)) == {}


@pytest.mark.parametrize(("goal_id", "active"), [("warm-up", False), ("chests", True)])
def test_setting_the_current_state_changes_nothing(sample_game: Game, goal_id: str, active: bool) -> None:
    chosen = sample_game.set_active(goal_id, active)
    before = contents(sample_game.database_url)
    sample_game.clock.now += SECOND
    assert sample_game.set_active(goal_id, active) == chosen
    assert contents(sample_game.database_url) == before


def test_an_activated_goal_counts_earlier_events(sample_game: Game) -> None:
    sample_game.report(stat("chests", delta=1))
    assert sample_game.goal("chests").progress == 0
    activated = sample_game.set_active("chests", True)
    assert (activated.progress, activated.state) == (1, IN_PROGRESS)
    assert activated.assign_time == timestamp(NOW)


def test_activating_a_goal_whose_target_is_reached_completes_it(sample_game: Game) -> None:
    sample_game.report(stat("chests", delta=1), stat("chests", delta=1))
    activated = sample_game.set_active("chests", True)
    assert (activated.progress, activated.state) == (2, COMPLETED)
    assert not activated.HasField("complete_time")
    assert sample_game.rows("SELECT goal_id, complete_time FROM completion") == [("chests", None)]
    assert sample_game.claim("chests").state == challenge_pb2.CLAIM_STATE_PENDING


def test_deactivating_freezes_the_shown_progress(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=2))
    deactivated = sample_game.set_active("warm-up", False)
    assert (deactivated.progress, deactivated.state) == (2, IN_PROGRESS)
    sample_game.report(stat("wins", delta=1))
    assert sample_game.goal("warm-up").progress == 2


def test_a_deactivated_goal_cannot_be_completed_until_it_is_active_again(sample_game: Game) -> None:
    sample_game.set_active("warm-up", False)
    [result] = sample_game.report(stat("wins", delta=3))
    assert not result.completions
    assert sample_game.goal("warm-up").state == NOT_STARTED
    assert refusal(lambda: sample_game.claim("warm-up")).reason == "GOAL_INACTIVE"

    assert sample_game.set_active("warm-up", True).state == COMPLETED
    assert sample_game.claim("warm-up").state == challenge_pb2.CLAIM_STATE_PENDING


def test_a_completed_goal_stays_completed_while_inactive_but_cannot_be_claimed(sample_game: Game) -> None:
    sample_game.report(stat("wins", delta=3))
    deactivated = sample_game.set_active("warm-up", False)
    assert (deactivated.progress, deactivated.state) == (3, COMPLETED)
    assert refusal(lambda: sample_game.claim("warm-up")).reason == "GOAL_INACTIVE"

    activated = sample_game.set_active("warm-up", True)
    assert activated.complete_time == timestamp(NOW)
    sample_game.claim("warm-up")


def test_a_goal_completed_by_activation_stays_completed_after_deactivating(sample_game: Game) -> None:
    sample_game.report(stat("chests", delta=1), stat("chests", delta=1))
    sample_game.set_active("chests", True)
    assert sample_game.set_active("chests", False).state == COMPLETED
    assert sample_game.set_active("chests", True).state == COMPLETED


def test_the_time_of_the_last_activation_is_shown(sample_game: Game) -> None:
    sample_game.set_active("chests", True)
    sample_game.clock.now += SECOND
    assert sample_game.set_active("chests", False).assign_time == timestamp(NOW)
    assert sample_game.set_active("chests", True).assign_time == timestamp(NOW + SECOND)


def test_concurrent_first_activations_all_succeed(sample_game: Game) -> None:
    sample_game.report(stat("chests", delta=1), stat("chests", delta=1))
    with ThreadPoolExecutor(16) as callers:
        replies = list(callers.map(lambda _: sample_game.set_active("chests", True), range(16)))
    assert all(reply == replies[0] for reply in replies)
    assert replies[0].state == COMPLETED
    stored = written(contents(sample_game.database_url))
    assert (stored["assignment"], stored["completion"]) == (1, 1)


def test_concurrent_activations_and_events_lose_no_completion(sample_game: Game) -> None:
    players = [f"player-{number}" for number in range(30)]
    with ThreadPoolExecutor(16) as callers:
        reports = [
            callers.submit(sample_game.report, stat("chests", who, delta=1), stat("chests", who, delta=1))
            for who in players
        ]
        replies = [callers.submit(sample_game.set_active, "chests", True, who) for who in players]
    completions = {
        completion.goal_id: result
        for report in reports
        for result in report.result()
        for completion in result.completions
    }
    for who, reply in zip(players, replies, strict=True):
        assert reply.result().active
        assert sample_game.goal("chests", who).state == COMPLETED
    assert set(completions) <= {"chests"}
    assert sample_game.rows("SELECT count(*) FROM completion WHERE goal_id = 'chests'") == [(len(players),)]


@pytest.mark.parametrize(
    ("challenge_id", "goal_id", "reason"),
    [
        ("nowhere", "warm-up", "CHALLENGE_NOT_FOUND"),
        ("arena", "nothing", "GOAL_NOT_FOUND"),
        ("career", "warm-up", "GOAL_NOT_FOUND"),
    ],
)
def test_unknown_goals_are_not_found(sample_game: Game, challenge_id: str, goal_id: str, reason: str) -> None:
    request = SetGoalActiveRequest(user_id="player", challenge_id=challenge_id, goal_id=goal_id, active=False)
    assert refusal(lambda: sample_game.challenges.SetGoalActive(request)).reason == reason
    assert written(contents(sample_game.database_url)) == {}
