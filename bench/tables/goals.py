"""Whether an event that completes nothing costs the same however many goals watch it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from bench.events import MEASURED, Play
from bench.figures import Table, Unit, at_least
from bench.load import Run
from bench.players import player_ids
from bench.ratios import ratio
from bench.samples import median
from bench.services import EVENT_HANDLER
from bench.tables.batches import BATCH, RATE_MAX, REPORT_BATCH, SATURATION, batch_request, batches
from bench.tables.calls import add_failures
from bench.workplace import SEED, Workplace, calls_for

FAR = 2**30
"""Targets begin here, beyond every value that is sent."""


class Watched(NamedTuple):
    """A catalogue of one challenge: how many goals there are, and how many of them every player has from the start."""

    goals: int
    default_assigned: int
    stats: Sequence[str]


_ALL_STATS = tuple(measured.stat.code for measured in MEASURED)
FEW, MANY_DEFAULT = Watched(10, 10, _ALL_STATS), Watched(500, 500, _ALL_STATS)
FEW_ON_ONE, MANY_ON_ONE = Watched(10, 0, _ALL_STATS[:1]), Watched(5_000, 0, _ALL_STATS[:1])


def measure_goals(place: Workplace) -> Table:
    """Throughput with many goals beside that with few, in turns."""
    table = Table(
        "goals",
        "Events that complete nothing, by how many goals watch them",
        f"ReportEvents with {BATCH:,} events a call; {place.terms.players:,} players without history, rising values of "
        "four stats below every target; two handlers on two databases, in turns.",
    )
    runs: list[Run] = []
    for name, many, few in (
        ("500 default-assigned goals", MANY_DEFAULT, FEW),
        ("5,000 goals on one stat", MANY_ON_ONE, FEW_ON_ONE),
    ):
        with ExitStack() as running:
            turns = place.in_turns(f"goals: {name}", _reporting(place, running, many), _reporting(place, running, few))
        throughput = ratio([(many_run.rate, few_run.rate) for many_run, few_run in turns])
        cpu = ratio([(few_run.cpu_us(), many_run.cpu_us()) for many_run, few_run in turns])
        table.add(name, median([run.rate * BATCH for run, _ in turns]), Unit.EVENTS_A_SECOND)
        table.add(f"10 instead of {name}", median([run.rate * BATCH for _, run in turns]), Unit.EVENTS_A_SECOND)
        table.add(f"{name}: throughput beside 10", throughput.value, Unit.RATIO, at_least(0.85), str(throughput))
        table.add(f"{name}: events per CPU time of the handler beside 10", cpu.value, Unit.RATIO, note=str(cpu))
        runs += [run for pair in turns for run in pair]
    add_failures(table, runs)
    return table


def catalogue(watched: Watched) -> dict[str, Any]:
    """The document of such a catalogue."""
    return {
        "challenges": [
            {
                "id": "watching",
                "name": "Watching",
                "goals": [
                    {
                        "id": f"goal-{number:05}",
                        "name": f"Goal {number}",
                        "source": "stat",
                        "stat": watched.stats[number % len(watched.stats)],
                        "count": "latest",
                        "target": FAR + number,
                        "reward": {"type": "WALLET", "id": "GEMS", "quantity": 1},
                        "default_assigned": number < watched.default_assigned,
                    }
                    for number in range(watched.goals)
                ],
            }
        ],
        "stats": [code for code in _ALL_STATS if code not in watched.stats],
    }


def _reporting(place: Workplace, running: ExitStack, watched: Watched) -> Callable[[], Run]:
    """Start a handler with such a catalogue on a database of its own; answers how to measure it."""
    path = Path(place.directory) / f"catalogue-{watched.goals}-{watched.default_assigned}.json"
    path.write_text(json.dumps(catalogue(watched)))
    handler = running.enter_context(place.service(EVENT_HANDLER, place.empty_database(), path))
    play = Play(player_ids(place.terms.players), SEED)

    def measure() -> Run:
        calls = batches(play, calls_for(place.terms.turn, RATE_MAX / BATCH), login_share=0.0)
        return place.play(handler, REPORT_BATCH, map(batch_request, calls), SATURATION, place.terms.turn)

    return measure
