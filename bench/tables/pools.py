"""Pools: lists and events, each compared with the same without pools, and rerolls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.database import connected
from bench.events import Play
from bench.figures import Table, Unit, at_least, at_most
from bench.load import Run, median, ratio
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.tables.calls import add_failures, add_latency
from bench.tables.schedules import give_periods, listing, report_batches, scheduled
from bench.workplace import SEED, Ground, Workplace, calls_for, shuffled
from load_generator.plan import OpenLoop
from shared.catalogue.loader import load
from shared.catalogue.yaml_document import parse_yaml
from shared.operations.catalogue.pool_record import record_pools
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

REROLL = "challenge.v1.ChallengeService/RerollGoal"
RATE = 100.0
"""Rerolls per second."""
POOLS, SELECT, REROLLS = 10, 3, 100
KNOWN = 200
"""Players whose selections are all remembered; those of all players together are not. A process that remembers a
selection draws it once in a period, so the events are of these players."""


def measure_pools(place: Workplace) -> Table:
    """Measure lists and events with pools and without, and the latency of rerolls."""
    table = Table(
        "pools",
        "Pools",
        f"The load catalogue as {POOLS} daily pools of 50 goals, {SELECT} selected of each, none on two days running. "
        f"Lists of new players beside 500 goals that are active by default: of {KNOWN} players whose selections stay "
        "in the cache, and of more than it holds. Events beside the same goals without pools. Saturated, in turns.",
    )
    with ExitStack() as open_grounds:
        plain = open_grounds.enter_context(place.ground())
        daily = scheduled(place, open_grounds.enter_context(place.ground()), "daily", lambda _challenge, _goal: "daily")
        pooled = _pooled(place, open_grounds.enter_context(place.ground()))
        for ground in (daily, pooled):
            give_periods(ground, ground.play.players, ())
        runs = _measure_lists(table, place, _all_default(place, plain), pooled)
        runs += _measure_events(table, place, _of_known(daily), _of_known(pooled))
        runs.append(_measure_rerolls(table, place, pooled))
    add_failures(table, runs)
    return table


def _measure_lists(table: Table, place: Workplace, plain: Ground, pooled: Ground) -> list[Run]:
    players = [f"new {player}" for player in shuffled(plain.play)]
    with ExitStack() as running:
        with_pools, without = (
            running.enter_context(place.running(services.service(CHALLENGE_SERVICE, each.url, each.catalogue_path)))
            for each in (pooled, plain)
        )
        runs: list[Run] = []
        for name, some, target in (("remembered", players[:KNOWN], 1.3), ("not remembered", players, 2.5)):
            turns = place.in_turns(
                f"lists of pools: selections {name}",
                listing(place, with_pools, some),
                listing(place, without, some),
            )
            cpu = ratio([(run.cpu_us(), other.cpu_us()) for run, other in turns])
            table.add(f"CPU per list, selections {name}", median([run.cpu_us() for run, _ in turns]), Unit.MICROSECONDS)
            table.add(f"CPU beside default goals, selections {name}", cpu.value, Unit.RATIO, at_most(target), str(cpu))
            runs += [run for pair in turns for run in pair]
    return runs


def _measure_events(table: Table, place: Workplace, daily: Ground, pooled: Ground) -> list[Run]:
    with ExitStack() as running:
        handlers = [
            running.enter_context(place.running(services.service(EVENT_HANDLER, each.url, each.catalogue_path)))
            for each in (pooled, daily)
        ]
        turns = [
            [report_batches(place, *each) for each in zip(handlers, (pooled, daily), strict=True)]
            for _ in place.rounds("events of pools", place.terms.rounds)
        ]
    rate = ratio([(run.rate, other.rate) for run, other in turns])
    table.add("rate of events beside without pools", rate.value, Unit.RATIO, at_least(0.9), str(rate))
    return [run for turn in turns for run in turn]


def _measure_rerolls(table: Table, place: Workplace, pooled: Ground) -> Run:
    requests = list(islice(_rerolls(pooled), calls_for(place.terms.stretch, RATE)))
    with place.running(services.service(CHALLENGE_SERVICE, pooled.url, pooled.catalogue_path)) as service:
        place.say(f"rerolls: open loop at {RATE:g}/s")
        run = place.play(service, REROLL, requests, OpenLoop(rate=RATE))
    add_latency(table, f"of RerollGoal at {RATE:g}/s", run, p95=8.0)
    return run


def _rerolls(pooled: Ground) -> Iterator[bytes]:
    """Yield requests that replace a goal of each player's selections in turn."""
    now = system_clock()
    with connected(pooled.url) as connection:
        drawing = run_transaction(connection, lambda inner: record_pools(inner, pooled.catalogue, now)).pools
    if drawing is None:
        raise ValueError("the catalogue has no pools")
    players = shuffled(pooled.play)
    for number, (player, pool) in enumerate(zip(cycle(players), cycle(drawing.by_challenge.values()), strict=False)):
        period = pool.schedule.shown_at(now)
        if number == len(players) or period is None:
            return
        # None of these players has any goal completed.
        goal_id = drawing.selection(pool, f"new {player}", period.start)[0]
        yield rpc.RerollGoalRequest(
            user_id=f"new {player}", challenge_id=pool.challenge_id, goal_id=goal_id, request_id="reroll"
        ).SerializeToString()


def _of_known(ground: Ground) -> Ground:
    """Return the ground with a game of few of its players."""
    play = ground.play
    return replace(ground, play=Play(play.players[:KNOWN], SEED + 1, play.values))


def _all_default(place: Workplace, ground: Ground) -> Ground:
    document: Any = parse_yaml(ground.catalogue_path.read_text("utf-8")).value
    for challenge in document["challenges"]:
        for goal in challenge["goals"]:
            goal["default_assigned"] = True
    return _written(place, ground, "all-default", document)


def _pooled(place: Workplace, ground: Ground) -> Ground:
    document: Any = parse_yaml(ground.catalogue_path.read_text("utf-8")).value
    document["schedules"] = [{"id": "daily", "every": "day"}]
    for challenge in document["challenges"]:
        challenge |= {"schedule": "daily", "select": SELECT, "no_repeat": 1, "rerolls": REROLLS}
        for goal in challenge["goals"]:
            for key in ("default_assigned", "requires"):
                goal.pop(key, None)
    return _written(place, ground, "pools", document)


def _written(place: Workplace, ground: Ground, name: str, document: object) -> Ground:
    path: Path = place.directory / f"{name}.json"
    path.write_text(json.dumps(document), "utf-8")
    return replace(ground, catalogue=load(path), catalogue_path=path)
