"""What a demo says when it cannot be played, or when a service does something else than the script says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.event_service_pb2_grpc import EventServiceStub

from demo.__main__ import main
from demo.client import Client
from demo.errors import OtherCatalogue
from demo.performance import Performance
from demo.steps import Activate, Chapter
from devstack.ports import free_port

Demo = Callable[..., tuple[int, str]]


@pytest.fixture
def demo(targets: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Demo:
    """Plays without pauses; answers the exit status and what went to standard error. `elsewhere` are other targets."""

    def play(*arguments: str, **elsewhere: str) -> tuple[int, str]:
        for setting, target in {**targets, **elsewhere}.items():
            monkeypatch.setenv(setting, target)
        return main(["--pace", "0", *arguments]), capsys.readouterr().err

    return play


@pytest.mark.parametrize("setting", ["CHALLENGE_TARGET", "EVENT_TARGET"])
def test_a_service_that_does_not_answer_is_named_with_its_setting(demo: Demo, setting: str) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    sentence = f"demo: nothing answers at {nowhere}: start the services with `make run`, or set {setting}\n"
    assert demo(**{setting: nowhere}) == (1, sentence)


def test_a_target_of_the_other_service_is_named_with_its_setting(demo: Demo, targets: Mapping[str, str]) -> None:
    event = targets["EVENT_TARGET"]
    sentence = f"demo: what answers at {event} does not serve challenge.v1.ChallengeService: set CHALLENGE_TARGET\n"
    assert demo(CHALLENGE_TARGET=event) == (1, sentence)


def test_a_player_plays_once(demo: Demo) -> None:
    assert demo("--player", "once") == (0, "")
    status, said = demo("--player", "once")
    assert status == 1
    assert "once has played before: leave out --player" in said


def test_a_goal_that_moves_by_another_number_ends_the_demo_at_that_step(demo: Demo, targets: Mapping[str, str]) -> None:
    # The goal on this stat is inactive and shows nothing yet: nobody sees it until the script activates the goal.
    stat = rpc.StatUpdated(stat_code="chests_opened", delta=1)
    chest = rpc.Event(event_id="before", user_id="early", stat_updated=stat)
    chest.event_time.GetCurrentTime()
    with grpc.insecure_channel(targets["EVENT_TARGET"]) as channel:
        EventServiceStub(channel).ReportEvent(rpc.ReportEventRequest(event=chest))
    sentence = (
        "demo: step 18 of 42, “Picks Treasure Hunter”: ListChallenges was to show open-3-chests active; "
        "it shows open-3-chests at 1, open-3-chests active\n"
    )
    assert demo("--player", "early") == (1, sentence)


def test_a_player_whom_the_service_refuses_is_told_why(demo: Demo) -> None:
    status, said = demo("--player", "x" * 129)
    assert status == 1
    assert "ListChallenges answered INVALID_ARGUMENT INVALID_REQUEST: user_id" in said


def test_a_catalogue_that_lacks_a_goal_of_the_script_is_refused(targets: Mapping[str, str]) -> None:
    script = [Chapter("Elsewhere", [Activate("Picks {goal}", "no-such-goal")])]
    with (
        grpc.insecure_channel(targets["CHALLENGE_TARGET"]) as challenge,
        grpc.insecure_channel(targets["EVENT_TARGET"]) as event,
        pytest.raises(OtherCatalogue, match="lacks no-such-goal"),
    ):
        Performance(Client(challenge, event, "stranger", datetime.now(UTC)), script)


@pytest.mark.parametrize("pace", ["-1", "61", "nan", "slow"])
def test_a_pace_that_is_none_is_wrong_usage(pace: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--pace", pace])
    assert "--pace" in capsys.readouterr().err
