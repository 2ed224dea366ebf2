"""Goals by kind: events that complete goals over others, beside events that complete as many goals alone."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count, islice
from typing import Any

from challenge.v1 import event_service_pb2 as rpc

from bench.events import message
from bench.figures import Table, Unit, at_most
from bench.load import POSTGRES, SERVER, Run, median, ratio
from bench.services import EVENT_HANDLER, ServerProcess
from bench.tables.batches import BATCH, REPORT_BATCH, SATURATION
from bench.workplace import Workplace, calls_for
from shared.domain.events import Event
from shared.domain.goal import Source, Stat
from shared.runtime.clock import system_clock

COMPLETING_RATE_MAX = 6_000.0
"""Events prepared per second, each of which completes goals: more than a handler takes."""
_WINS = Stat(Source.STAT, "first_wins")


def measure_goals(place: Workplace) -> Table:
    """Measure events that complete a goal, with and without goals over it."""
    table = Table(
        "goals",
        "Requirements of goals",
        f"{BATCH:,} events a batch, each of another new player. Each completes a goal, which completes one over goals "
        "and one over points, beside the same goal alone. Saturated, in turns.",
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
    return table


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
