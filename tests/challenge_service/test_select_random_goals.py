"""Random selection: what can be drawn, what is left out and why, and that a request draws once."""

from __future__ import annotations

import grpc
import pytest
from challenge.v1 import challenge_service_pb2 as rpc

from tests.support.choosing import OPTIONAL, Chooser, choosing_game, left_out, player, switched
from tests.support.database_contents import contents
from tests.support.refusals import refusal

__all__ = ["choosing_game", "player"]

ALL = ["default", *OPTIONAL]


def test_drawn_goals_are_active_and_the_challenge_is_as_in_get_challenge(player: Chooser) -> None:
    response = player.draw(3, exclude_active=True)
    assert len(set(response.selected_goal_ids)) == 3
    assert switched(response) == (sorted(response.selected_goal_ids), [])
    assert player.active() == ["default", *sorted(response.selected_goal_ids)]
    assert (response.challenge, response.periods) == (player.challenge().challenge, player.challenge().periods)
    assert (response.pool_size, left_out(response)) == (6, {"ACTIVE": 1})
    assert response.seed_id
    assert response.empty_reason == rpc.LEFT_OUT_REASON_UNSPECIFIED


def test_fewer_goals_than_asked_for_are_what_there_is(player: Chooser) -> None:
    response = player.draw(100)
    assert sorted(response.selected_goal_ids) == ALL
    assert switched(response) == (OPTIONAL, [])
    assert response.pool_size == 7


def test_active_goals_can_be_drawn_and_stay_active(player: Chooser) -> None:
    player.select("optional-1")
    response = player.draw(100)
    assert "optional-1" in response.selected_goal_ids
    assert "optional-1" not in response.activated_goal_ids


def test_replacing_keeps_what_is_drawn_again_and_deactivates_the_rest(player: Chooser) -> None:
    before = set(player.draw(3, exclude_active=True).selected_goal_ids)
    response = player.draw(3, replace=True)
    drawn = set(response.selected_goal_ids)
    assert set(response.activated_goal_ids) == drawn - before - {"default"}
    assert set(response.deactivated_goal_ids) == before - drawn
    assert set(player.active()) == drawn | {"default"}


def test_replacing_without_active_goals_draws_others(player: Chooser) -> None:
    player.select("optional-0", "optional-1", "optional-2")
    response = player.draw(3, replace=True, exclude_active=True)
    assert sorted(response.selected_goal_ids) == ["optional-3", "optional-4", "optional-5"]
    assert list(response.deactivated_goal_ids) == ["optional-0", "optional-1", "optional-2"]


def test_nothing_to_draw_is_no_error_and_changes_nothing(player: Chooser) -> None:
    player.select(*OPTIONAL)
    before = contents(player.game.database_url)
    response = player.draw(3, replace=True, exclude_active=True)
    assert not response.selected_goal_ids
    assert switched(response) == ([], [])
    assert (response.pool_size, left_out(response)) == (0, {"ACTIVE": 7})
    assert response.empty_reason == rpc.LEFT_OUT_REASON_ACTIVE
    assert contents(player.game.database_url) == before


def test_completed_claimed_and_satisfied_goals_are_left_out(player: Chooser) -> None:
    player.select("optional-0", "optional-1")
    for goal_id in ("optional-0", "optional-1", "optional-2"):
        player.report(goal_id, 2)
    player.game.claim("optional-1", player.user_id)
    response = player.draw(100)
    assert left_out(response) == {"CLAIMED": 1, "COMPLETED": 1, "TARGET_REACHED": 1}
    assert sorted(response.selected_goal_ids) == ["default", "optional-3", "optional-4", "optional-5"]


def test_suspended_seasonal_and_locked_goals_are_left_out(player: Chooser) -> None:
    response = player.draw(100, "special")
    assert left_out(response) == {"SUSPENDED": 1, "NOT_RUNNING": 1, "LOCKED": 1}
    assert sorted(response.selected_goal_ids) == ["day", "other day"]


def test_a_goal_is_drawn_once_its_prerequisite_is_completed(player: Chooser) -> None:
    player.select("optional-0")
    player.report("optional-0", 2)
    assert "locked" in player.draw(100, "special").selected_goal_ids


def test_only_goals_with_the_tag_are_drawn(player: Chooser) -> None:
    assert sorted(player.draw(100, tag="even").selected_goal_ids) == ["optional-0", "optional-2", "optional-4"]
    response = player.draw(100, tag="unknown")
    assert (left_out(response), response.empty_reason) == ({"OTHER_TAG": 7}, rpc.LEFT_OUT_REASON_OTHER_TAG)


def test_a_repeated_request_returns_what_the_first_one_has_drawn(player: Chooser) -> None:
    player.select("optional-0", "optional-1", "optional-2")
    first = player.draw(2, replace=True, request_id="one")
    player.select("optional-5", replace=True)
    before = contents(player.game.database_url)
    again = player.draw(2, replace=True, request_id="one")
    assert again.challenge == player.challenge().challenge
    again.challenge.CopyFrom(first.challenge)
    assert again == first
    assert contents(player.game.database_url) == before


def test_calls_without_a_request_id_do_not_make_one_with_an_id_forgotten(player: Chooser) -> None:
    first = player.draw(2, replace=True, request_id="one")
    for _ in range(20):
        player.draw(1, replace=True)
        player.select("optional-0", replace=True)
    assert player.draw(2, replace=True, request_id="one").seed_id == first.seed_id


def test_a_request_that_found_nothing_finds_nothing_again(player: Chooser) -> None:
    player.select(*OPTIONAL)
    first = player.draw(1, exclude_active=True, request_id="one")
    player.set_active("optional-1", False)
    assert left_out(player.draw(1, exclude_active=True, request_id="one")) == left_out(first) == {"ACTIVE": 7}


@pytest.mark.parametrize(
    ("count", "differing"), [(3, {}), (2, {"replace": True}), (2, {"exclude_active": True}), (2, {"tag": "even"})]
)
def test_a_request_id_belongs_to_one_draw(player: Chooser, count: int, differing: dict[str, str]) -> None:
    player.draw(2, request_id="one")
    refused = refusal(lambda: player.draw(count, request_id="one", **differing))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert refusal(lambda: player.select("optional-1", request_id="one")).reason == "REQUEST_ID_REUSED"


def test_without_a_request_id_each_call_draws_again(player: Chooser) -> None:
    assert len({player.draw(1, replace=True).seed_id for _ in range(5)}) == 5
    drawn = {tuple(sorted(player.draw(3, replace=True).selected_goal_ids)) for _ in range(30)}
    assert len(drawn) > 1
