"""`make run SOURCE=nats`: an event travels from a topic to a claim."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import ClaimRewardRequest, InitializePlayerRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub

from devstack.nats import nats_server
from devstack.source import CHALLENGE, GOAL, MAPPING, PLAYER
from event_source.mapping.mapping_file import load_mapping
from tests.devstack.command import devstack
from tests.devstack.test_story import paste
from tests.support.waiting import wait_until


def test_the_sample_mapping_can_be_used() -> None:
    load_mapping(MAPPING)


@pytest.mark.slow
def test_the_printed_message_becomes_an_event(folder: Path) -> None:
    if nats_server() is None:
        pytest.skip("no nats-server: make tools builds it")
    with devstack("run", folder, SOURCE="nats") as command:
        command.wait_for("Claim it again")
        [publish] = re.findall(r"^.*devstack\.publish.*$", command.output, flags=re.MULTILINE)
        [address] = re.findall(r"^challenge service +([^,]+),", command.output, flags=re.MULTILINE)
        with grpc.insecure_channel(address) as channel:
            challenges = ChallengeServiceStub(channel)
            challenges.InitializePlayer(InitializePlayerRequest(user_id=PLAYER))
            published = paste(publish)
            assert published.stdout == "stored at GAME:1\n", published
            request = ClaimRewardRequest(user_id=PLAYER, challenge_id=CHALLENGE, goal_id=GOAL)
            wait_until(lambda: _claims(challenges, request))
        command.send(signal.SIGINT)
        assert command.wait() == 0
        assert "Traceback" not in command.output


@pytest.mark.slow
def test_without_the_program_the_stack_says_how_to_get_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_NATS_SERVER", "/nonexistent/nats-server")
    with devstack("run", folder, SOURCE="nats") as command:
        assert command.wait() == 1
        assert "devstack: there is no nats-server: build it with make tools" in command.output


def _claims(challenges: ChallengeServiceStub, request: ClaimRewardRequest) -> bool:
    try:
        return bool(challenges.ClaimReward(request).claim.grant_id)
    except grpc.RpcError as error:
        # Not completed yet.
        if not isinstance(error, grpc.Call) or error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
            raise
        return False
