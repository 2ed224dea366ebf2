"""Server reflection, used by a caller without the proto files: `buf curl`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from devstack.ports import LOOPBACK
from devstack.run import find_tool
from tests.support.postgres_server import PostgresServer
from tests.support.service_process import PROJECT, ServiceProcess, serving


@pytest.fixture(scope="module")
def services(postgres_server: PostgresServer) -> Iterator[dict[str, ServiceProcess]]:
    with (
        postgres_server.fresh_database() as database_url,
        serving("challenge_service", database_url) as challenges,
        serving("event_handler", database_url) as events,
    ):
        yield {"ChallengeService": challenges, "EventService": events}


def buf_curl(service: ServiceProcess, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    buf = find_tool("buf")
    assert buf is not None
    command = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *arguments]
    url = f"http://{LOOPBACK}:{service.port}{path}"
    return subprocess.run([*command, url], cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)


def call(services: dict[str, ServiceProcess], method: str, request: dict[str, Any]) -> dict[str, Any]:
    """Call `Service/Method` with a request in JSON, and return the response."""
    service = services[method.split("/")[0]]
    done = buf_curl(service, f"/challenge.v1.{method}", "-d", json.dumps(request))
    assert done.returncode == 0, done.stderr
    response: dict[str, Any] = json.loads(done.stdout)
    return response


def test_each_server_lists_its_services(services: dict[str, ServiceProcess]) -> None:
    for name, service in services.items():
        listed = buf_curl(service, "", "--list-services").stdout.split()
        assert f"challenge.v1.{name}" in listed
        assert "grpc.health.v1.Health" in listed


def test_a_goal_is_completed_and_claimed_without_the_proto_files(services: dict[str, ServiceProcess]) -> None:
    who = {"user_id": "ana"}
    initialized = call(services, "ChallengeService/InitializePlayer", who)
    assert initialized["created"]
    event = {
        "event_id": "win",
        **who,
        "event_time": datetime.now(UTC).isoformat(),
        "stat_updated": {"stat_code": "matches_won", "delta": "3"},
    }
    result = call(services, "EventService/ReportEvent", {"event": event})["result"]
    assert result["verdict"] == "VERDICT_APPLIED"
    assert result["completions"] == [{"challengeId": "combat", "goalId": "win-3-matches", "occurrence": 1}]
    assert call(services, "EventService/ReportEvent", {"event": event})["result"]["verdict"] == "VERDICT_DUPLICATE"

    goal = {**who, "challenge_id": "combat", "goal_id": "win-3-matches"}
    assert call(services, "ChallengeService/ClaimReward", goal)["claim"]["state"] == "CLAIM_STATE_PENDING"
    again = buf_curl(services["ChallengeService"], "/challenge.v1.ChallengeService/ClaimReward", "-d", json.dumps(goal))
    assert again.returncode != 0
    assert "already_exists" in again.stderr
    listed = call(services, "ChallengeService/ListChallenges", {**who, "active_only": True})
    assert listed["challenges"][0]["goals"][0]["state"] == "GOAL_STATE_CLAIMED"


def test_an_unknown_field_or_method_is_reported_before_anything_is_sent(services: dict[str, ServiceProcess]) -> None:
    path = "/challenge.v1.ChallengeService/ListChallenges"
    assert "player" in buf_curl(services["ChallengeService"], path, "-d", '{"player": "ana"}').stderr
    assert buf_curl(services["ChallengeService"], f"{path}Twice", "-d", "{}").returncode != 0
