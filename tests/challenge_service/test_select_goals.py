"""Selecting goals: all of them or none, and the response says what was switched."""

from __future__ import annotations

import itertools

import grpc
import pytest
from challenge.v1 import challenge_pb2
from challenge.v1.challenge_service_pb2 import SetGoalActiveRequest

from shared.domain.instant import DAY, SECOND
from tests.support.choosing import OPTIONAL, Chooser, choosing_game, player, switched
from tests.support.database_contents import contents
from tests.support.event_messages import timestamp
from tests.support.refusals import refusal
from tests.support.services import NOW

__all__ = ["choosing_game", "player"]

COMPLETED = challenge_pb2.GOAL_STATE_COMPLETED
CLAIMED = challenge_pb2.GOAL_STATE_CLAIMED


def test_selected_goals_are_active_and_the_challenge_is_as_in_get_challenge(player: Chooser) -> None:
    response = player.select("optional-3", "optional-1")
    assert response.activated_goal_ids == ["optional-1", "optional-3"]
    assert not response.deactivated_goal_ids
    assert player.active() == ["default", "optional-1", "optional-3"]
    assert (response.challenge, response.periods) == (player.challenge().challenge, player.challenge().periods)
    assert player.goals()["optional-1"].assign_time == timestamp(NOW)


def test_duplicates_are_one(player: Chooser) -> None:
    assert player.select("optional-1", "optional-1", "optional-1").activated_goal_ids == ["optional-1"]


def test_goals_that_are_active_are_kept_and_not_named(player: Chooser) -> None:
    player.select("optional-1")
    player.game.clock.now += SECOND
    assert player.select("optional-1", "optional-2", "default").activated_goal_ids == ["optional-2"]
    assert player.goals()["optional-1"].assign_time == timestamp(NOW)


def test_selecting_what_is_selected_writes_nothing(player: Chooser) -> None:
    player.select("optional-1")
    before = contents(player.game.database_url)
    response = player.select("optional-1", replace=True)
    assert not response.activated_goal_ids
    assert not response.deactivated_goal_ids
    assert contents(player.game.database_url) == before


def test_replacing_deactivates_what_is_not_selected_again(player: Chooser) -> None:
    player.select("optional-1", "optional-2")
    player.game.clock.now += SECOND
    response = player.select("optional-2", "optional-3", replace=True)
    assert switched(response) == (["optional-3"], ["optional-1"])
    assert player.active() == ["default", "optional-2", "optional-3"]
    assert player.goals()["optional-2"].assign_time == timestamp(NOW)


def test_replacing_keeps_what_is_completed_and_unclaimed(player: Chooser) -> None:
    player.select("optional-1", "optional-2")
    player.report("optional-1", 2)
    player.report("optional-2", 2)
    player.game.claim("optional-2", player.user_id)
    assert player.select("optional-3", replace=True).deactivated_goal_ids == ["optional-2"]
    goals = player.goals()
    assert (goals["optional-1"].active, goals["optional-1"].state) == (True, COMPLETED)
    assert (goals["optional-2"].active, goals["optional-2"].state) == (False, CLAIMED)
    player.game.claim("optional-1", player.user_id)


def test_replacing_keeps_what_was_completed_in_a_past_period_and_is_unclaimed(player: Chooser) -> None:
    player.select("day", "other day", challenge_id="special")
    player.report("special", 1)
    player.game.clock.now += DAY
    assert player.goals("special")["day"].state == challenge_pb2.GOAL_STATE_NOT_STARTED
    assert player.select("suspended", challenge_id="special", replace=True).deactivated_goal_ids == ["other day"]
    player.game.claim("day", player.user_id)
    assert player.select("suspended", challenge_id="special", replace=True).deactivated_goal_ids == ["day"]


def test_replacing_keeps_goals_that_are_active_by_default(player: Chooser) -> None:
    assert not player.select("optional-1", replace=True).deactivated_goal_ids
    assert player.goals()["default"].active


def test_replacing_touches_no_other_challenge(player: Chooser) -> None:
    player.select("suspended", challenge_id="special")
    player.select("optional-1", replace=True)
    assert player.active("special") == ["suspended"]


def test_a_selected_goal_whose_target_is_reached_is_completed(player: Chooser) -> None:
    player.report("optional-1", 5)
    selected = player.select("optional-1", "optional-2").challenge
    assert [each.state for each in selected.goals if each.goal_id == "optional-1"] == [COMPLETED]
    stored = player.game.rows("SELECT goal_id, complete_time FROM completion WHERE user_id = %s", player.user_id)
    assert stored == [("optional-1", None)]


def test_replaced_goals_freeze_as_deactivated_ones_do(player: Chooser) -> None:
    player.select("optional-1")
    player.report("optional-1", 1)
    player.select("optional-2", replace=True)
    player.report("optional-1", 1)
    assert player.goals()["optional-1"].progress == 1
    assert player.select("optional-1").challenge.goals[2].state == COMPLETED


@pytest.mark.parametrize("goal_id", ["suspended", "locked", "frost", "day"])
def test_suspended_locked_and_seasonal_goals_are_selected_as_they_are_activated(player: Chooser, goal_id: str) -> None:
    other = Chooser(player.game)
    player.report("special", 1)
    other.report("special", 1)
    activation = SetGoalActiveRequest(user_id=player.user_id, challenge_id="special", goal_id=goal_id, active=True)
    player.game.challenges.SetGoalActive(activation)
    assert other.select(goal_id, challenge_id="special").activated_goal_ids == [goal_id]
    assert other.challenge("special") == player.challenge("special")


def test_unknown_goals_are_all_named_and_nothing_is_changed(player: Chooser) -> None:
    before = contents(player.game.database_url)
    named = ["optional-1", "nothing", "optional-2", "locked", "nothing"]
    refused = refusal(lambda: player.select(*named))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "GOAL_NOT_FOUND")
    assert refused.metadata == {"challenge_id": "choice", "indexes": "1,3", "goal_ids": "nothing,locked"}
    assert contents(player.game.database_url) == before


def test_however_many_unknown_goals_there_are_the_error_has_all_indexes(player: Chooser) -> None:
    refused = refusal(lambda: player.select(*(f"{'x' * 120}{number}" for number in range(100))))
    assert refused.metadata["indexes"] == ",".join(map(str, range(100)))


def test_a_repeated_request_returns_what_the_first_one_has_switched(player: Chooser) -> None:
    player.select("optional-1")
    first = player.select("optional-2", "optional-3", replace=True, request_id="one")
    player.select("optional-4", replace=True)
    before = contents(player.game.database_url)
    again = player.select("optional-3", "optional-2", "optional-3", replace=True, request_id="one")
    assert switched(again) == switched(first)
    assert again.challenge == player.challenge().challenge
    assert contents(player.game.database_url) == before


def test_a_request_id_of_a_call_that_changed_nothing_is_remembered(player: Chooser) -> None:
    player.select("default", request_id="one")
    player.set_active("default", False)
    assert not player.select("default", request_id="one").activated_goal_ids
    assert not player.goals()["default"].active


@pytest.mark.parametrize(
    ("goal_ids", "replace"),
    [(["optional-1"], False), (["optional-1", "optional-2"], True)],
    ids=["other goals", "replacing"],
)
def test_a_request_id_belongs_to_one_selection(player: Chooser, goal_ids: list[str], replace: bool) -> None:
    player.select("optional-1", "optional-2", request_id="one")
    before = contents(player.game.database_url)
    refused = refusal(lambda: player.select(*goal_ids, replace=replace, request_id="one"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert contents(player.game.database_url) == before


def test_a_pool_is_not_selected_from(player: Chooser) -> None:
    for call in (lambda: player.select("drawn", challenge_id="pool"), lambda: player.draw(1, "pool")):
        refused = refusal(call)
        assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SELECTED_BY_POOL")


def test_players_and_challenges_do_not_share_request_ids(player: Chooser) -> None:
    other = Chooser(player.game)
    player.select("optional-1", request_id="one")
    assert other.select("optional-2", request_id="one").activated_goal_ids == ["optional-2"]
    assert player.select("day", challenge_id="special", request_id="one").activated_goal_ids == ["day"]


def test_a_refused_call_does_not_use_up_its_request_id(player: Chooser) -> None:
    refusal(lambda: player.select("nothing", request_id="one"))
    assert player.select("optional-1", request_id="one").activated_goal_ids == ["optional-1"]


def test_selections_can_be_replaced_again_and_again(player: Chooser) -> None:
    for number, (one, other) in enumerate(itertools.pairwise(OPTIONAL)):
        response = player.select(one, other, replace=True, request_id=f"{number}")
        assert other in response.activated_goal_ids
        assert set(player.active()) == {"default", one, other}
