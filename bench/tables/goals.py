"""Goals by kind: events that complete goals over others, and events that meet derived stats, beside plain ones."""

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
from bench.workplace import Workplace, calls_for
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


def measure_goals(place: Workplace) -> Table:
    """Measure events that complete a goal, with and without goals over it."""
    table = Table(
        "goals",
        "Requirements of goals",
        f"{BATCH:,} events a batch, each of another new player. Each completes a goal, which completes one over goals "
        "and one over points, beside the same goal alone. Saturated, in turns. Then events with 4 attributes: with "
        f"{DERIVED:,} derived stats of which they meet none, and with two of which they meet both, beside a catalogue "
        f"without. Then events with a value that a tally of {MANY:,} distinct ones has counted, beside {FEW}.",
    )
    players = count()
    with ExitStack() as running:
        grounds = [
            place.changed(place.empty_ground(), name, change)
            for name, change in (("alone", _with_a_goal), ("cascades", _with_goals_over_it))
        ]
        alone, cascading = (running.enter_context(place.service(EVENT_HANDLER, ground)) for ground in grounds)
        turns = place.in_turns(
            "events that complete goals",
            lambda: _report(place, cascading, players),
            lambda: _report(place, alone, players),
        )
    for name, process in (("the handler", SERVER), ("Postgres", POSTGRES)):
        per_event = median([run.cpu_us(process) / BATCH for run, _ in turns])
        table.add(f"CPU of {name} per event with a cascade", per_event, Unit.MICROSECONDS)
        cpu = ratio([(run.cpu_us(process), other.cpu_us(process)) for run, other in turns])
        table.add(f"CPU of {name} beside one goal", cpu.value, Unit.RATIO, note=str(cpu))
    both = ratio([(_cpu_us(run), _cpu_us(other)) for run, other in turns])
    table.add("CPU beside one goal", both.value, Unit.RATIO, at_most(2.0), str(both))
    _add_derived_stats(place, table)
    add_distinct_values(place, table)
    return table


def _add_derived_stats(place: Workplace, table: Table) -> None:
    """Add the throughput of events with attributes, with derived stats beside without."""
    events = count()
    with ExitStack() as running:
        plain, unmet, met = (
            running.enter_context(place.service(EVENT_HANDLER, place.changed(place.empty_ground(), name, change)))
            for name, change in (("plain", _with_shots), ("unmet", _with_unmet_stats), ("met", _with_met_stats))
        )
        for name, handler, target in (
            (f"events with 4 attributes, {DERIVED:,} derived stats unmet", unmet, 0.9),
            ("events that meet two derived stats", met, 0.45),
        ):
            turns = place.in_turns(name, partial(_shoot, place, handler, events), partial(_shoot, place, plain, events))
            rates = ratio([(run.rate, other.rate) for run, other in turns])
            table.add(f"{name}: rate beside none", rates.value, Unit.RATIO, at_least(target), str(rates))


def _shoot(place: Workplace, handler: ServerProcess, numbers: count[int]) -> Run:
    """Report batches of events with 4 attributes."""
    stretch = place.terms.turn
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
        for _ in range(calls_for(stretch, RATE_MAX / BATCH))
    ]
    return place.play(handler, REPORT_BATCH, requests, SATURATION, stretch)


def _cpu_us(run: Run) -> float:
    return run.cpu_us() + run.cpu_us(POSTGRES)


def _report(place: Workplace, handler: ServerProcess, players: count[int]) -> Run:
    stretch = place.terms.turn
    now = system_clock()

    def request() -> bytes:
        events = [Event(f"{number}", f"player {number}", now, _WINS, delta=1) for number in islice(players, BATCH)]
        return rpc.ReportEventsRequest(events=map(message, events)).SerializeToString()

    requests = [request() for _ in range(calls_for(stretch, COMPLETING_RATE_MAX / BATCH))]
    return place.play(handler, REPORT_BATCH, requests, SATURATION, stretch)


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
