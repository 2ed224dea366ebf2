"""What a demo says when it cannot be played, or when a service does something else than the script says."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from devstack.ports import free_port
from tests.demo.conftest import run_demo, service_process


@pytest.mark.parametrize("setting", ["CHALLENGE_TARGET", "EVENT_TARGET"])
def test_a_service_that_does_not_answer_is_named_with_its_setting(targets: Mapping[str, str], setting: str) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    demo = run_demo({**targets, setting: nowhere})
    assert demo.returncode == 1
    assert demo.stderr == (
        f"demo: nothing answers at {nowhere}: start the services with `make run`, or set {setting}\n"
    )


def test_a_target_of_the_other_service_is_named_with_its_setting(targets: Mapping[str, str]) -> None:
    event = targets["EVENT_TARGET"]
    demo = run_demo({**targets, "CHALLENGE_TARGET": event})
    assert demo.returncode == 1
    assert f"{event} does not serve challenge.v1.ChallengeService: set CHALLENGE_TARGET" in demo.stderr


def test_another_catalogue_is_named(targets: Mapping[str, str], module_database_url: str) -> None:
    with service_process("challenge_service", module_database_url, "load.yaml") as other:
        demo = run_demo({**targets, "CHALLENGE_TARGET": other})
    assert demo.returncode == 1
    assert "the script plays catalogues/demo.yaml" in demo.stderr


def test_a_player_plays_once(targets: Mapping[str, str]) -> None:
    assert run_demo(targets, "--player", "once").returncode == 0
    demo = run_demo(targets, "--player", "once")
    assert demo.returncode == 1
    assert "once has played before: leave out --player" in demo.stderr


def test_a_goal_that_moves_by_another_number_ends_the_demo_at_that_step(targets: Mapping[str, str]) -> None:
    # The goal on this stat is inactive and shows nothing yet: nobody sees it until the script activates the goal.
    chest = rpc.Event(
        event_id="before", user_id="early", stat_updated=rpc.StatUpdated(stat_code="chests_opened", delta=1)
    )
    chest.event_time.GetCurrentTime()
    with grpc.insecure_channel(targets["EVENT_TARGET"]) as channel:
        EventServiceStub(channel).ReportEvent(rpc.ReportEventRequest(event=chest))
    demo = run_demo(targets, "--player", "early")
    assert demo.returncode == 1
    assert demo.stderr == (
        "demo: step 18 of 40, “Picks Treasure Hunter”: ListChallenges was to show open-3-chests active; "
        "it shows open-3-chests at 1, open-3-chests active\n"
    )


@pytest.mark.parametrize("pace", ["-1", "61", "nan", "slow"])
def test_a_pace_that_is_none_is_wrong_usage(pace: str) -> None:
    demo = run_demo({}, "--pace", pace)
    assert demo.returncode == 2
    assert "--pace" in demo.stderr
