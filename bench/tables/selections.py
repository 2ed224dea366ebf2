"""`SelectGoals` and `SelectRandomGoals`, which return after COMMIT."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from random import Random
from typing import Any

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.figures import Table, Unit
from bench.load import Run
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_failures, add_latency
from bench.workplace import Ground, Workplace, calls_for, shuffled
from load_generator.plan import OpenLoop
from shared.catalogue.loader import load
from shared.catalogue.yaml_document import parse_yaml

SELECT = "challenge.v1.ChallengeService/SelectGoals"
SELECT_RANDOM = "challenge.v1.ChallengeService/SelectRandomGoals"
RATE = 100.0
SELECTED = 5
P95_MS = 8.0


def measure_selections(place: Workplace) -> Table:
    """Measure the latency of selections among 50 goals and of draws among 500."""
    table = Table(
        "selections",
        "SelectGoals and SelectRandomGoals, which return after COMMIT",
        f"{place.terms.players:,} players with history, each call under a request id and replacing what was selected "
        f"before: {SELECTED} chosen of a challenge's 50 goals, and {SELECTED} drawn of all 500 goals in one challenge.",
    )
    runs: list[Run] = []
    with place.ground() as ground, place.ground() as other:
        one = _in_one_challenge(place, other)
        for name, method, each, requests in (
            (f"of SelectGoals, {SELECTED} of 50", SELECT, ground, _chosen(ground)),
            (f"of SelectRandomGoals, {SELECTED} of 500", SELECT_RANDOM, one, _drawn(one)),
        ):
            with place.running(services.service(CHALLENGE_SERVICE, each.url, each.catalogue_path)) as service:
                place.say(f"selections: {method.rpartition('/')[2]} at {RATE:g}/s")
                some = islice(requests, calls_for(place.terms.stretch, RATE))
                run = place.play(service, method, some, OpenLoop(rate=RATE), place.terms.stretch)
            add_latency(table, f"{name}, at {RATE:g}/s", run, p95=P95_MS)
            table.add(f"CPU {name}", run.cpu_us(), Unit.MICROSECONDS)
            runs.append(run)
    add_failures(table, runs)
    return table


def _chosen(ground: Ground) -> Iterator[bytes]:
    challenge, chance = ground.catalogue.challenges[1], Random(1)
    goal_ids = [goal.id for goal in challenge.goals]
    for number, player in enumerate(cycle(shuffled(ground.play))):
        yield rpc.SelectGoalsRequest(
            user_id=player,
            challenge_id=challenge.id,
            goal_ids=chance.sample(goal_ids, SELECTED),
            replace=True,
            request_id=f"{number}",
        ).SerializeToString()


def _drawn(ground: Ground) -> Iterator[bytes]:
    for number, player in enumerate(cycle(shuffled(ground.play))):
        yield rpc.SelectRandomGoalsRequest(
            user_id=player,
            challenge_id=ground.catalogue.challenges[0].id,
            count=SELECTED,
            replace=True,
            request_id=f"{number}",
        ).SerializeToString()


def _in_one_challenge(place: Workplace, ground: Ground) -> Ground:
    """Return the ground with all goals in the first challenge."""
    document: Any = parse_yaml(ground.catalogue_path.read_text("utf-8")).value
    first, *others = document["challenges"]
    document["challenges"] = [first | {"goals": first["goals"] + [goal for each in others for goal in each["goals"]]}]
    path = place.directory / "one-challenge.json"
    path.write_text(json.dumps(document), "utf-8")
    return replace(ground, catalogue=load(path), catalogue_path=path)
