"""Pools: lists and events, each compared with the same without pools, and rerolls."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import cycle
from typing import Any

from challenge.v1 import challenge_service_pb2 as rpc

from bench.database import connected
from bench.events import Play
from bench.figures import Table, Unit, at_least, at_most
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_calls, add_medians, add_ratio, cpu_us, rate
from bench.tables.lists import listing
from bench.tables.schedules import batches_alternating
from bench.workbench import SEED, Setup, Workbench
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


def measure_pools(bench: Workbench) -> Table:
    """Measure lists and events with pools and without, and the latency of rerolls."""
    table = Table(
        "pools",
        "Pools",
        f"The load catalogue as {POOLS} daily pools of 50 goals, {SELECT} selected of each, none on two days running. "
        f"Lists of new players compared with 500 goals that are active by default: of {KNOWN} players whose selections "
        "stay in the cache, and of more than it holds. Events compared with the same goals without pools. Saturated, "
        "alternating.",
    )
    with ExitStack() as stack:
        plain, daily, pooled = (stack.enter_context(bench.setup()) for _ in range(3))
        daily = bench.changed(daily, "daily", _into_daily_goals)
        pooled = bench.changed(pooled, "pools", _into_pools)
        _measure_lists(table, bench, bench.changed(plain, "all-default", _into_default_goals), pooled)
        pairs = [(ours, bare) for ours, bare in batches_alternating(bench, _of_known(pooled), _of_known(daily))]
        add_ratio(table, "rate of events, pools relative to none", pairs, rate, at_least(0.9))
        with bench.service(CHALLENGE_SERVICE, pooled) as service:
            rerolls = bench.play_at(service, REROLL, _rerolls(pooled), RATE)
    add_calls(table, f"of RerollGoal at {RATE:g}/s", rerolls, p95=8.0)
    return table


def _measure_lists(table: Table, bench: Workbench, plain: Setup, pooled: Setup) -> None:
    players = [f"new {player}" for player in plain.play.shuffled()]
    with bench.service(CHALLENGE_SERVICE, pooled) as with_pools, bench.service(CHALLENGE_SERVICE, plain) as without:
        for name, some, most in (("remembered", players[:KNOWN], 1.3), ("not remembered", players, 2.5)):
            label = f"selections {name}"
            pairs = bench.alternating(
                f"lists of pools: {label}", listing(bench, with_pools, some), listing(bench, without, some)
            )
            add_medians(table, "CPU per list", pairs, cpu_us, Unit.MICROSECONDS, label)
            add_ratio(table, f"CPU relative to default goals, {label}", pairs, cpu_us, at_most(most))


def _rerolls(pooled: Setup) -> Iterator[bytes]:
    """Yield requests that replace a goal of each player's selections, one after the other."""
    now = system_clock()
    with connected(pooled.url) as connection:
        drawing = run_transaction(connection, lambda inner: record_pools(inner, pooled.catalogue, now)).pools
    if drawing is None:
        raise ValueError("the catalogue has no pools")
    players = pooled.play.shuffled()
    for number, (player, pool) in enumerate(zip(cycle(players), cycle(drawing.by_challenge.values()), strict=False)):
        period = pool.schedule.shown_at(now)
        if number == len(players) or period is None:
            return
        # None of these players has any goal completed.
        goal_id = drawing.selection(pool, f"new {player}", period.start)[0]
        yield rpc.RerollGoalRequest(
            user_id=f"new {player}", challenge_id=pool.challenge_id, goal_id=goal_id, request_id="reroll"
        ).SerializeToString()


def _of_known(setup: Setup) -> Setup:
    """Return the setup with a game of few of its players."""
    play = setup.play
    return replace(setup, play=Play(play.players[:KNOWN], SEED + 1, play.values))


def _into_default_goals(document: Any) -> None:
    for challenge in document["challenges"]:
        for goal in challenge["goals"]:
            goal["default_assigned"] = True


def _into_pools(document: Any) -> None:
    _into_daily_goals(document)
    for challenge in document["challenges"]:
        challenge |= {"select": SELECT, "no_repeat": 1, "rerolls": REROLLS}
        for goal in challenge["goals"]:
            goal.pop("default_assigned", None)


def _into_daily_goals(document: Any) -> None:
    """Make all goals daily, and as many of each challenge active by default as a pool would select."""
    chosen = random.Random(SEED)
    document["schedules"] = [{"id": "daily", "every": "day"}]
    for challenge in document["challenges"]:
        challenge["schedule"] = "daily"
        for goal in challenge["goals"]:
            for key in ("default_assigned", "requires"):
                goal.pop(key, None)
        for goal in chosen.sample(challenge["goals"], SELECT):
            goal["default_assigned"] = True
