"""The demo's messages when it cannot be played, or when a service deviates from the script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import grpc
import pytest
from challenge.v1 import event_service_pb2 as rpc
from challenge.v1.event_service_pb2_grpc import EventServiceStub
from rich.console import Console

from demo.__main__ import main, play
from demo.client import Client, DemoFailed
from demo.script import Chapter, activate
from shared.catalogue.loader import load
from tests.demo.conftest import ROOT
from tests.support.reserved_port import lasting_port
from tests.support.services import game

Demo = Callable[..., tuple[int, str]]


@pytest.fixture
def demo(targets: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Demo:
    """Play without pauses, and return the exit status and standard error. `elsewhere` are other targets."""

    def play(*arguments: str, **elsewhere: str) -> tuple[int, str]:
        for setting, target in {**targets, **elsewhere}.items():
            monkeypatch.setenv(setting, target)
        return main(["--pace", "0", *arguments]), capsys.readouterr().err

    return play


@pytest.mark.parametrize("setting", ["CHALLENGE_TARGET", "EVENT_TARGET"])
def test_an_unreachable_service_is_named_with_its_setting(demo: Demo, setting: str) -> None:
    nowhere = f"127.0.0.1:{lasting_port()}"
    sentence = f"demo: nothing responds at {nowhere}: start the services with `make run`, or set {setting}\n"
    assert demo(**{setting: nowhere}) == (1, sentence)


def test_a_target_of_the_other_service_is_named_with_its_setting(demo: Demo, targets: Mapping[str, str]) -> None:
    event = targets["EVENT_TARGET"]
    sentence = f"demo: the server at {event} does not serve challenge.v1.ChallengeService: set CHALLENGE_TARGET\n"
    assert demo(CHALLENGE_TARGET=event) == (1, sentence)


def test_a_player_can_play_only_once(demo: Demo) -> None:
    assert demo("--player", "once") == (0, "")
    status, said = demo("--player", "once")
    assert status == 1
    assert "once has played before: leave out --player" in said


def test_a_goal_with_unexpected_progress_ends_the_demo_at_that_step(demo: Demo, targets: Mapping[str, str]) -> None:
    # The goal on this stat is inactive and shows no progress until the script activates it.
    stat = rpc.StatUpdated(stat_code="chests_opened", delta=1)
    chest = rpc.Event(event_id="before", user_id="early", stat_updated=stat)
    chest.event_time.GetCurrentTime()
    with grpc.insecure_channel(targets["EVENT_TARGET"]) as channel:
        EventServiceStub(channel).ReportEvent(rpc.ReportEventRequest(event=chest))
    sentence = (
        "demo: step 18 of 62, “Picks Treasure Hunter”: progress must change to {}; it changes to {'open-3-chests': 1}\n"
    )
    assert demo("--player", "early") == (1, sentence)


def test_the_reason_of_an_invalid_player_id_is_shown(demo: Demo) -> None:
    status, said = demo("--player", "x" * 129)
    assert status == 1
    assert "ListChallenges ended with INVALID_ARGUMENT INVALID_REQUEST: user_id" in said


def test_a_catalogue_that_lacks_a_goal_of_the_script_is_refused(targets: Mapping[str, str]) -> None:
    script = [Chapter("Elsewhere", [activate("no-such-goal")])]
    with (
        grpc.insecure_channel(targets["CHALLENGE_TARGET"]) as challenge,
        grpc.insecure_channel(targets["EVENT_TARGET"]) as event,
        pytest.raises(DemoFailed, match="lacks no-such-goal"),
    ):
        play(Console(), Client(challenge, event, "other", datetime.now(UTC)), script, 0)


def test_services_without_the_development_clock_are_played_without_the_week(database_url: str) -> None:
    with game(database_url, load(ROOT / "catalogues" / "demo.yaml")) as running:
        client = Client(running.channel, running.event_channel, "other", datetime.now(UTC))
        assert not client.set_time_if_allowed()
        assert not client.sets_time


@pytest.mark.parametrize("pace", ["-1", "61", "nan", "slow"])
def test_an_invalid_pace_is_wrong_usage(pace: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--pace", pace])
    assert "--pace" in capsys.readouterr().err
