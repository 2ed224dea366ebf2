"""`make run` and the commands it prints."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import urllib3

from devstack.run import CHALLENGE, GOAL, STAT, WINS, quoted
from devstack.settings import DEMO_CATALOGUE
from shared.catalogue.loader import load
from shared.domain.goal import Counting
from tests.devstack.command import PROJECT, devstack


def paste(line: str) -> subprocess.CompletedProcess[str]:
    """Run a printed line as a developer's shell would."""
    return subprocess.run(["/bin/sh", "-c", line], cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)


def printed_commands(output: str) -> list[str]:
    """Return the printed commands in order."""
    return re.findall(r"^# \d\. .*\n(.*)$", output, flags=re.MULTILINE)


def reply(call: subprocess.CompletedProcess[str]) -> Any:
    """Return the response of a call. grpcurl writes `goalId`, `buf curl` `goal_id`."""
    assert call.returncode == 0, call
    return json.loads(call.stdout.replace("goalId", "goal_id").replace("grantId", "grant_id"))


def state_of_goal(listing: subprocess.CompletedProcess[str]) -> object:
    """Return the state of the story's goal in a response of ListChallenges."""
    goals = [goal for challenge in reply(listing)["challenges"] for goal in challenge["goals"]]
    return next(goal["state"] for goal in goals if goal["goal_id"] == GOAL)


def given(output: str) -> list[str]:
    """Return the grants that the stack's game has given."""
    [url] = re.findall(r"^game +(\S+/ledger)", output, flags=re.MULTILINE)
    ledger = json.loads(urllib3.request("GET", url).data)
    return [gift["grant_id"] for gift in ledger["given"]]


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["grpc", "log", "webhook"])
def test_the_printed_commands_work_in_order(folder: Path, provider: str) -> None:
    with devstack("run", folder, REWARD_WALLET_PROVIDER=provider) as command:
        command.wait_for("Claim it again")
        lines = printed_commands(command.output)
        initialize, listing, login, wins, progress, claim, again = map(paste, lines)
        assert reply(initialize)["created"] is True
        assert state_of_goal(listing) == "GOAL_STATE_NOT_STARTED"
        assert reply(login)["result"]["verdict"] == "VERDICT_APPLIED"
        results = reply(wins)["results"]
        assert [result["verdict"] for result in results] == ["VERDICT_APPLIED", "VERDICT_APPLIED"]
        assert GOAL in [completion["goal_id"] for completion in results[-1]["completions"]]
        assert state_of_goal(progress) == "GOAL_STATE_COMPLETED"
        assert reply(claim)["claim"]["state"] == "CLAIM_STATE_GRANTED"
        assert again.returncode != 0
        assert re.search("already_?exists", again.stdout + again.stderr, re.IGNORECASE), again
        if provider != "log":
            assert given(command.output).count(reply(claim)["claim"]["grant_id"]) == 1
        command.send(signal.SIGINT)
        assert command.wait() == 0
        assert "Traceback" not in command.output


def test_the_story_is_about_a_goal_of_the_demo_catalogue() -> None:
    goal = load(PROJECT / DEMO_CATALOGUE).goals[GOAL]
    assert goal.challenge_id == CHALLENGE
    assert (goal.stat.code, goal.counting, goal.target) == (STAT, Counting.SUM, sum(WINS))
    assert goal.default_assigned
    assert not goal.requires


@pytest.mark.parametrize("text", ["plain", 'quoted "twice"', "$HOME `id` \\n", "it's"])
def test_a_request_passes_through_the_shell_unchanged(text: str) -> None:
    shown = paste(f"printf %s {quoted({'user_id': text})}").stdout
    assert json.loads(shown) == {"user_id": text}
