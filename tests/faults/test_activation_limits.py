"""Limits on activations hold for services in processes of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import SelectRandomGoalsRequest, SetGoalActiveRequest

from tests.catalogue.documents import goal, write_json
from tests.support.refusals import refusal_of
from tests.support.sample_catalogue import challenge
from tests.support.service_process import ServiceProcess
from tests.support.services import rows

GOALS, LIMIT, PLAYERS = 50, 3, 40
DOCUMENT = {
    "challenges": [{**challenge("choice", *(goal(f"goal-{number}") for number in range(GOALS))), "max_active": LIMIT}]
}


@pytest.mark.slow
def test_three_of_50_activations_at_once_through_two_processes_succeed(database_url: str, tmp_path: Path) -> None:
    catalogue = str(write_json(tmp_path / "catalogue.json", DOCUMENT))
    with ExitStack() as running:
        services = [
            running.enter_context(ServiceProcess("challenge_service", database_url, CATALOGUE=catalogue))
            for _ in range(2)
        ]
        for service in services:
            service.wait_until_serving()

        reasons: set[str] = set()

        def activate(user_id: str, number: int) -> int:
            """Return how many goals a call has activated."""
            stub = services[number % 2].challenges
            try:
                if number % 5 == 0:
                    drawn = SelectRandomGoalsRequest(
                        user_id=user_id, challenge_id="choice", count=1, exclude_active=True
                    )
                    return len(stub.SelectRandomGoals(drawn).activated_goal_ids)
                stub.SetGoalActive(
                    SetGoalActiveRequest(user_id=user_id, challenge_id="choice", goal_id=f"goal-{number}", active=True)
                )
            except grpc.RpcError as error:
                reasons.add(refusal_of(error).reason)
                return 0
            return 1

        with ThreadPoolExecutor(25) as callers:
            for player in range(PLAYERS):
                calls = [callers.submit(activate, f"player-{player}", number) for number in range(GOALS)]
                # A goal may be activated by its own call and drawn by another one.
                assert sum(call.result() for call in calls) >= LIMIT
    assert reasons == {"LIMIT_REACHED"}
    counts = rows(database_url, "SELECT count(*) FROM assignment WHERE active GROUP BY user_id")
    assert counts == [(LIMIT,)] * PLAYERS
