"""Goals by kind: events that complete goals over others or meet derived stats, compared with plain ones."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import count, islice
from typing import Any

from challenge.v1 import event_service_pb2 as rpc

from bench.events import message
from bench.figures import Table, Unit, at_least, at_most
from bench.load import POSTGRES, SERVER, Run, median, ratio
from bench.services import EVENT_HANDLER, ServerProcess
from bench.tables.batches import BATCH, RATE_MAX, REPORT_BATCH, SATURATION
from bench.tables.distinct_values import FEW, MANY, add_distinct_values
from bench.workbench import Workbench, calls_for
from shared.domain.events import Event
from shared.domain.goal import Source, Stat
from shared.runtime.clock import system_clock

COMPLETING_RATE_MAX = 6_000.0
"""Events prepared per second, each of which completes goals: more than a handler takes."""
_WINS = Stat(Source.STAT, "first_wins")
_SHOTS = Stat(Source.STAT, "shots")
DERIVED = 1_000
"""Derived stats that no event meets."""
PLAYERS = 20_000
"""Players whose shots are counted: hardly any two events of a batch are of one player."""


def measure_goals(bench: Workbench) -> Table:
    """Measure events that complete a goal, with and without goals over it."""
    table = Table(
        "goals",
        "Requirements of goals",
        f"{BATCH:,} events a batch, each of another new player. Each completes a goal, which completes one over goals "
        "and one over points, compared with the same goal alone. Saturated, alternating. Then events with 4 "
        f"attributes: with {DERIVED:,} derived stats of which they meet none, and with two of which they meet both, "
        f"compared with a catalogue without. Then events with a value that a tally of {MANY:,} distinct ones has "
        f"counted, compared with {FEW}.",
    )
    players = count()
    with ExitStack() as running:
        setups = [
            bench.changed(bench.empty_setup(), name, change)
            for name, change in (("alone", _with_a_goal), ("cascades", _with_goals_over_it))
        ]
        alone, cascading = (running.enter_context(bench.service(EVENT_HANDLER, setup)) for setup in setups)
        pairs = bench.alternating(
            "events that complete goals",
            lambda: _report(bench, cascading, players),
            lambda: _report(bench, alone, players),
        )
    for name, process in (("the handler", SERVER), ("Postgres", POSTGRES)):
        per_event = median([run.cpu_us(process) / BATCH for run, _ in pairs])
        table.add(f"CPU of {name} per event with a cascade", per_event, Unit.MICROSECONDS)
        cpu = ratio([(run.cpu_us(process), other.cpu_us(process)) for run, other in pairs])
        table.add(f"CPU of {name} relative to one goal", cpu.value, Unit.RATIO, note=str(cpu))
    both = ratio([(_cpu_us(run), _cpu_us(other)) for run, other in pairs])
    table.add("CPU relative to one goal", both.value, Unit.RATIO, at_most(2.0), str(both))
    _add_derived_stats(bench, table)
    add_distinct_values(bench, table)
    return table


def _add_derived_stats(bench: Workbench, table: Table) -> None:
    """Add the throughput of events with attributes, with derived stats compared with without."""
    events = count()
    with ExitStack() as running:
        plain, unmet, met = (
            running.enter_context(bench.service(EVENT_HANDLER, bench.changed(bench.empty_setup(), name, change)))
            for name, change in (("plain", _with_shots), ("unmet", _with_unmet_stats), ("met", _with_met_stats))
        )
        for name, handler, target in (
            (f"events with 4 attributes, {DERIVED:,} derived stats unmet", unmet, 0.9),
            ("events that meet two derived stats", met, 0.45),
        ):
            pairs = bench.alternating(
                name, partial(_shoot, bench, handler, events), partial(_shoot, bench, plain, events)
            )
            rates = ratio([(run.rate, other.rate) for run, other in pairs])
            table.add(f"{name}: rate relative to none", rates.value, Unit.RATIO, at_least(target), str(rates))


def _shoot(bench: Workbench, handler: ServerProcess, numbers: count[int]) -> Run:
    """Report batches of events with 4 attributes."""
    length = bench.scale.short_run
    now = system_clock()

    def event(number: int) -> Event:
        attributes = (
            ("map", "arena"),
            ("match", f"{number // 10}"),
            ("mode", "ranked"),
            ("weapon", f"weapon {number % DERIVED}"),
        )
        return Event(f"{number}", f"player {number % PLAYERS}", now, _SHOTS, delta=1, attributes=attributes)

    requests = [
        rpc.ReportEventsRequest(events=map(message, map(event, islice(numbers, BATCH)))).SerializeToString()
        for _ in range(calls_for(length, RATE_MAX / BATCH))
    ]
    return bench.play(handler, REPORT_BATCH, requests, SATURATION, length)


def _cpu_us(run: Run) -> float:
    return run.cpu_us() + run.cpu_us(POSTGRES)


def _report(bench: Workbench, handler: ServerProcess, players: count[int]) -> Run:
    length = bench.scale.short_run
    now = system_clock()

    def request() -> bytes:
        events = [Event(f"{number}", f"player {number}", now, _WINS, delta=1) for number in islice(players, BATCH)]
        return rpc.ReportEventsRequest(events=map(message, events)).SerializeToString()

    requests = [request() for _ in range(calls_for(length, COMPLETING_RATE_MAX / BATCH))]
    return bench.play(handler, REPORT_BATCH, requests, SATURATION, length)


def _goal(goal_id: str, **keys: Any) -> dict[str, Any]:
    reward = {"type": "WALLET", "id": "COINS", "quantity": 1}
    return {"id": goal_id, "name": goal_id, "target": 1, "default_assigned": True, "reward": reward, **keys}


def _with_a_goal(document: Any) -> None:
    """Give the catalogue a goal that one event completes."""
    goals = [_goal("first-win", source="stat", stat=_WINS.code, count="sum", points=1)]
    document["challenges"].append({"id": "first", "name": "First", "goals": goals})


def _with_goals_over_it(document: Any) -> None:
    _with_a_goal(document)
    goals = [_goal("over-goals", source="goals", challenge="first"), _goal("over-points", source="points")]
    document["challenges"].append({"id": "over", "name": "Over", "goals": goals})


def _with_shots(document: Any) -> None:
    """Give the catalogue a stat that no goal uses."""
    document.setdefault("stats", []).append(_SHOTS.code)


def _with_unmet_stats(document: Any) -> None:
    """Give the stat derived ones, of which each event meets one condition and not the other."""
    _with_shots(document)
    document["stats"] += [
        {"id": f"shots {number}", "from": _SHOTS.code, "where": {"weapon": f"weapon {number}", "mode": "casual"}}
        for number in range(DERIVED)
    ]


def _with_met_stats(document: Any) -> None:
    """Give the stat two derived ones, which each event meets, and goals that no event completes."""
    _with_shots(document)
    document["stats"] += [
        {"id": f"shots with {key}", "from": _SHOTS.code, "where": {key: value}}
        for key, value in (("map", "arena"), ("mode", ["ranked", "casual"]))
    ]
    goals = [
        _goal(f"shots-{key}", source="stat", stat=f"shots with {key}", count="sum") | {"target": 10**9}
        for key in ("map", "mode")
    ]
    document["challenges"].append({"id": "shots", "name": "Shots", "goals": goals})
