"""`SelectGoals` and `SelectRandomGoals`, which return after COMMIT."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from random import Random
from typing import Any

from challenge.v1 import challenge_service_pb2 as rpc

from bench.figures import Table
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_calls
from bench.workbench import Setup, Workbench

SELECT = "challenge.v1.ChallengeService/SelectGoals"
SELECT_RANDOM = "challenge.v1.ChallengeService/SelectRandomGoals"
RATE = 100.0
SELECTED = 5
P95_MS = 8.0


def measure_selections(bench: Workbench) -> Table:
    """Measure the latency of selections among 50 goals and of draws among 500."""
    table = Table(
        "selections",
        "SelectGoals and SelectRandomGoals, which return after COMMIT",
        f"{bench.scale.players:,} players with history, each call under a request id and replacing what was selected "
        f"before: {SELECTED} chosen of a challenge's 50 goals, and {SELECTED} drawn of all 500 goals in one challenge.",
    )
    with bench.setup() as setup, bench.setup() as other:
        one = bench.changed(other, "one-challenge", _into_one_challenge)
        for name, method, each, requests in (
            (f"of SelectGoals, {SELECTED} of 50", SELECT, setup, _chosen(setup)),
            (f"of SelectRandomGoals, {SELECTED} of 500", SELECT_RANDOM, one, _drawn(one)),
        ):
            with bench.service(CHALLENGE_SERVICE, each) as service:
                run = bench.play_at(service, method, requests, RATE)
            add_calls(table, f"{name}, at {RATE:g}/s", run, p95=P95_MS)
    return table


def _chosen(setup: Setup) -> Iterator[bytes]:
    challenge, chance = setup.catalogue.challenges[1], Random(1)
    goal_ids = [goal.id for goal in challenge.goals]
    for number, player in enumerate(cycle(setup.play.shuffled())):
        yield rpc.SelectGoalsRequest(
            user_id=player,
            challenge_id=challenge.id,
            goal_ids=chance.sample(goal_ids, SELECTED),
            replace=True,
            request_id=f"{number}",
        ).SerializeToString()


def _drawn(setup: Setup) -> Iterator[bytes]:
    for number, player in enumerate(cycle(setup.play.shuffled())):
        yield rpc.SelectRandomGoalsRequest(
            user_id=player,
            challenge_id=setup.catalogue.challenges[0].id,
            count=SELECTED,
            replace=True,
            request_id=f"{number}",
        ).SerializeToString()


def _into_one_challenge(document: Any) -> None:
    first, *others = document["challenges"]
    document["challenges"] = [first | {"goals": first["goals"] + [goal for each in others for goal in each["goals"]]}]
