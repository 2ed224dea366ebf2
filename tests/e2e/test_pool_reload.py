"""Pools of running services: no reload and no restart changes a running period, except for goals that are removed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import GetChallengeRequest, RerollGoalRequest
from challenge.v1.challenge_service_pb2_grpc import ChallengeServiceStub
from challenge.v1.event_service_pb2 import ReportEventsRequest

from devstack.ports import LOOPBACK
from tests.catalogue import documents
from tests.catalogue.documents import goal, write_json
from tests.e2e.test_reload import info, metric
from tests.support.event_messages import stat
from tests.support.sample_catalogue import challenge
from tests.support.service_process import ServiceProcess, serving
from tests.support.services import CHANNEL_OPTIONS
from tests.support.waiting import wait_until

MEMBERS = [f"pick-{number}" for number in range(8)]
REMOVED = "pick-3"
PLAYERS = [f"player-{number}" for number in range(12)]
REROLLING = PLAYERS[:4]
CONNECTIONS = 10
"""The kernel spreads connections over the workers: the chance that one of two gets all is 1 in 500."""

Picks = Mapping[str, tuple[str, ...]]


def catalogue(*goals: documents.Mapping, **differing: object) -> documents.Mapping:
    """Return a document with a pool whose period is a year, so that hardly any test crosses a boundary."""
    return {
        "schedules": [{"id": "yearly", "every": "year"}],
        "challenges": [challenge("pool", *goals) | {"schedule": "yearly", "select": 3, "rerolls": 2, **differing}],
    }


def member(goal_id: str, **differing: object) -> documents.Mapping:
    return goal(goal_id, stat=goal_id, target=1, **differing)


ALL = [member(goal_id) for goal_id in MEMBERS]
CHANGED = [
    *(member(goal_id, weight=1 + 99 * number, suspended=number == 5) for number, goal_id in enumerate(MEMBERS)),
    *(member(f"added-{number}", weight=1_000) for number in range(4)),
]


def picks(service: ServiceProcess) -> Picks:
    """Return the goals that players have in the pool, which are the same from every worker."""
    found: dict[str, tuple[str, ...]] = {}
    for _ in range(CONNECTIONS):
        with grpc.insecure_channel(f"{LOOPBACK}:{service.port}", options=CHANNEL_OPTIONS) as channel:
            stub = ChallengeServiceStub(channel)
            for player in PLAYERS:
                request = GetChallengeRequest(user_id=player, challenge_id="pool")
                shown = stub.GetChallenge(request, timeout=60, wait_for_ready=True).challenge
                goal_ids = tuple(each.goal_id for each in shown.goals)
                assert found.setdefault(player, goal_ids) == goal_ids
    return found


def put(service: ServiceProcess, file: Path, content: documents.Mapping) -> None:
    """Change the catalogue, and wait until both workers use it."""
    write_json(file, content)
    wait_until(lambda: metric(service, "catalogue_info") == info(file, 0, 1))


def assert_only_missing(before: Picks, after: Picks, goal_id: str) -> None:
    """Check that selections changed only where they had the goal, and only in that place."""
    assert any(goal_id in had for had in before.values())
    for player, had in before.items():
        has = after[player]
        assert len(has) == len(had)
        assert goal_id not in has
        assert set(had) - {goal_id} <= set(has)


@pytest.mark.slow
def test_selections_of_a_running_period_outlive_reloads_restarts_and_processes(
    tmp_path: Path, database_url: str
) -> None:
    file = write_json(tmp_path / "catalogue.json", catalogue(*ALL))
    with serving("challenge_service", database_url, "--workers", "2", CATALOGUE=str(file)) as service:
        service.wait_for("started", count=2)
        for player, had in picks(service).items():
            if player in REROLLING:
                request = RerollGoalRequest(user_id=player, challenge_id="pool", goal_id=had[0])
                assert service.challenges.RerollGoal(request, timeout=60).rerolls_left == 1
        first = picks(service)
        assert len(set(first.values())) > 1

        put(service, file, catalogue(*CHANGED, select=5, no_repeat=2, rerolls=0))
        assert picks(service) == first

        put(service, file, catalogue(*(each for each in CHANGED if each["id"] != REMOVED), select=5))
        without = picks(service)
        assert_only_missing(first, without, REMOVED)
        assert service.stop() == 0

    with serving("challenge_service", database_url, "--workers", "2", CATALOGUE=str(file)) as service:
        service.wait_for("started", count=2)
        assert picks(service) == without
        put(service, file, catalogue(*CHANGED, select=2))
        assert picks(service) == first

        # A handler that has seen none of this counts for the same goals.
        with serving("event_handler", database_url, CATALOGUE=str(file)) as handler:
            now = time.time_ns() // 1_000
            for player, has in first.items():
                events = [stat(each["id"], player, delta=1, at=now) for each in CHANGED]
                results = handler.events.ReportEvents(ReportEventsRequest(events=events), timeout=60).results
                completed = {completion.goal_id for result in results for completion in result.completions}
                # Nothing completes a suspended goal, whoever has it.
                assert completed == set(has) - {MEMBERS[5]}
