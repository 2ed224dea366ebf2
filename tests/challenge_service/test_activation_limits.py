"""Limits on what a player may activate, by whichever method."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from google.protobuf.duration_pb2 import Duration

from shared.domain.instant import HOUR, SECOND, to_datetime
from tests.catalogue.documents import Mapping, goal, loaded
from tests.support.choosing import Chooser, left_out
from tests.support.database_contents import contents
from tests.support.postgres_server import PostgresServer
from tests.support.refusals import refusal, refusal_of
from tests.support.sample_catalogue import assigned, challenge
from tests.support.services import NOW, Game, ManualClock, challenge_service, game

DOCUMENT: Mapping = {
    "challenges": [
        {
            **challenge(
                "choice",
                assigned("default", stat="default", target=2),
                *(goal(f"optional-{number}", stat=f"stat-{number}", target=2) for number in range(50)),
            ),
            "max_active": 3,
        },
        {
            **challenge("cooled", *(goal(f"cooled-{number}", stat="cooled", target=9) for number in range(3))),
            "cooldown": {"hours": 2},
        },
        challenge(
            "stairs",
            goal("first", stat="first", target=1),
            goal("second", stat="second", target=1, requires_to_activate=["first"]),
            goal("third", stat="third", target=1, requires_to_activate=["first", "second"]),
        ),
    ]
}

Activate = Callable[[Chooser, str, str], object]
ACTIVATIONS: dict[str, Activate] = {
    "SetGoalActive": lambda player, _, goal_id: player.set_active(goal_id, True),
    "SelectGoals": lambda player, challenge_id, goal_id: player.select(goal_id, challenge_id=challenge_id),
}
activations = pytest.mark.parametrize("activate", ACTIVATIONS.values(), ids=ACTIVATIONS.keys())


@pytest.fixture(scope="module")
def limited_game(postgres_server: PostgresServer) -> Iterator[Game]:
    """Run both services with limits for all tests of this module."""
    with postgres_server.fresh_database() as url, game(url, loaded(DOCUMENT)) as running:
        yield running


@pytest.fixture
def player(limited_game: Game) -> Chooser:
    """Return a new player."""
    limited_game.clock.now = NOW
    return Chooser(limited_game)


def refused_reason(player: Chooser, activate: Activate, challenge_id: str, goal_id: str) -> str:
    """Return why an activation is refused; it changes nothing."""
    before = contents(player.game.database_url)
    refused = refusal(lambda: activate(player, challenge_id, goal_id))
    assert refused.code is grpc.StatusCode.FAILED_PRECONDITION
    assert contents(player.game.database_url) == before
    return refused.reason


@activations
def test_no_more_goals_are_active_than_the_challenge_allows(player: Chooser, activate: Activate) -> None:
    player.select("optional-0", "optional-1")
    activate(player, "choice", "optional-2")
    assert refused_reason(player, activate, "choice", "optional-3") == "LIMIT_REACHED"
    activate(player, "choice", "optional-2")
    player.set_active("optional-0", False)
    activate(player, "choice", "optional-3")
    assert player.active() == ["default", "optional-1", "optional-2", "optional-3"]


@activations
def test_completed_and_default_goals_do_not_count(player: Chooser, activate: Activate) -> None:
    player.select("optional-0", "optional-1", "optional-2")
    player.report("stat-0", 2)
    player.set_active("default", False)
    activate(player, "choice", "default")
    activate(player, "choice", "optional-3")
    assert refused_reason(player, activate, "choice", "optional-4") == "LIMIT_REACHED"
    player.report("stat-5", 2)
    activate(player, "choice", "optional-5")


def test_a_selection_above_the_limit_is_refused_as_a_whole(player: Chooser) -> None:
    refused = refusal(lambda: player.select(*(f"optional-{number}" for number in range(4))))
    assert (refused.reason, refused.metadata) == ("LIMIT_REACHED", {"challenge_id": "choice", "max_active": "3"})
    assert player.active() == ["default"]


def test_replaced_goals_make_room(player: Chooser) -> None:
    player.select("optional-0", "optional-1", "optional-2")
    player.select("optional-2", "optional-3", "optional-4", replace=True)
    assert player.active() == ["default", "optional-2", "optional-3", "optional-4"]


def test_random_selection_fills_the_places_that_are_left(player: Chooser) -> None:
    player.select("optional-0")
    response = player.draw(10, exclude_active=True)
    assert (len(response.activated_goal_ids), response.pool_size, response.free_places) == (2, 49, 2)
    full = player.draw(10, exclude_active=True)
    assert left_out(full) == {"ACTIVE": 4, "LIMIT_REACHED": 47}
    assert (full.pool_size, full.free_places) == (0, 0)
    assert full.empty_reason == rpc.LEFT_OUT_REASON_LIMIT_REACHED
    replaced = player.draw(10, exclude_active=True, replace=True)
    assert (len(replaced.activated_goal_ids), len(replaced.deactivated_goal_ids)) == (3, 3)


def test_challenges_show_their_limits(player: Chooser) -> None:
    assert player.challenge().challenge.max_active == 3
    assert player.challenge("cooled").challenge.cooldown == Duration(seconds=7_200)
    assert player.goals("stairs")["third"].activation_prerequisite_goal_ids == ["first", "second"]


@activations
def test_a_deactivated_goal_cannot_be_activated_during_its_cooldown(player: Chooser, activate: Activate) -> None:
    player.set_active("cooled-0", True)
    player.set_active("cooled-0", False)
    player.game.clock.now = NOW + 2 * HOUR - SECOND
    assert refused_reason(player, activate, "cooled", "cooled-0") == "COOLDOWN"
    metadata = refusal(lambda: activate(player, "cooled", "cooled-0")).metadata
    assert metadata == {"goal_id": "cooled-0", "available_time": to_datetime(NOW + 2 * HOUR).isoformat()}
    activate(player, "cooled", "cooled-1")
    player.game.clock.now = NOW + 2 * HOUR
    activate(player, "cooled", "cooled-0")


def test_replaced_goals_have_a_cooldown_and_are_not_drawn(player: Chooser) -> None:
    player.select("cooled-0", challenge_id="cooled")
    player.select("cooled-1", challenge_id="cooled", replace=True)
    assert refusal(lambda: player.select("cooled-0", challenge_id="cooled")).reason == "COOLDOWN"
    response = player.draw(3, "cooled", exclude_active=True)
    assert (list(response.selected_goal_ids), left_out(response)) == (["cooled-2"], {"ACTIVE": 1, "COOLDOWN": 1})


@activations
def test_goals_are_activated_once_others_are_completed(player: Chooser, activate: Activate) -> None:
    assert refused_reason(player, activate, "stairs", "third") == "ACTIVATION_LOCKED"
    assert left_out(player.draw(3, "stairs")) == {"ACTIVATION_LOCKED": 2}
    player.report("first", 1)
    refused = refusal(lambda: activate(player, "stairs", "third"))
    assert refused.metadata == {"goal_id": "third", "missing_goal_ids": "second"}
    activate(player, "stairs", "second")
    player.report("second", 1)
    activate(player, "stairs", "third")


def test_an_activated_goal_can_be_deactivated_whatever_the_limits(player: Chooser) -> None:
    player.select("optional-0", "optional-1", "optional-2")
    assert not player.set_active("optional-1", False).active


ROUNDS = 1
ROUNDS_SLOW = 40


@pytest.mark.usefixtures("patient_pool")
@pytest.mark.parametrize("rounds", [ROUNDS, pytest.param(ROUNDS_SLOW, marks=pytest.mark.slow)])
def test_three_of_50_activations_at_once_through_two_services_succeed(limited_game: Game, rounds: int) -> None:
    limited_game.clock.now = NOW
    url = limited_game.database_url
    with (
        challenge_service(url, loaded(DOCUMENT), clock=ManualClock()) as one,
        challenge_service(url, loaded(DOCUMENT), clock=ManualClock()) as other,
        ThreadPoolExecutor(50) as callers,
    ):
        for _ in range(rounds):
            player = Chooser(limited_game)

            def call(number: int, player: Chooser = player) -> str:
                stub, goal_id = (one, other)[number % 2], f"optional-{number}"
                user_id, challenge_id = player.user_id, "choice"
                try:
                    if number % 3 == 0:
                        stub.SelectGoals(
                            rpc.SelectGoalsRequest(user_id=user_id, challenge_id=challenge_id, goal_ids=[goal_id])
                        )
                    else:
                        stub.SetGoalActive(
                            rpc.SetGoalActiveRequest(
                                user_id=user_id, challenge_id=challenge_id, goal_id=goal_id, active=True
                            )
                        )
                except grpc.RpcError as error:
                    return refusal_of(error).reason
                return "OK"

            outcomes = list(callers.map(call, range(50)))
            assert sorted(outcomes) == ["LIMIT_REACHED"] * 47 + ["OK"] * 3
            assert len(player.active()) == 4
