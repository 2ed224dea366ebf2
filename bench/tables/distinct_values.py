"""Events that bring values which a tally of distinct values has counted, compared with a tally with few of them."""

from __future__ import annotations

from functools import partial
from itertools import count, islice
from typing import Any

from challenge.v1 import event_service_pb2 as rpc

from bench.database import connected
from bench.events import message
from bench.figures import Table, Unit, at_most
from bench.load import POSTGRES, Run, median, ratio
from bench.services import EVENT_HANDLER, ServerProcess
from bench.tables.batches import BATCH, RATE_MAX, REPORT_BATCH, SATURATION
from bench.workbench import Setup, Workbench, calls_for
from shared.domain.distinct_values import DistinctValue, value_hash
from shared.domain.events import Event
from shared.domain.goal import DISTINCT_MAX, Source, Stat
from shared.domain.instant import LIFETIME_START
from shared.domain.schedules import LIFETIME
from shared.domain.tally import Tally, TallyKey
from shared.postgres.events import distinct_values, tallies
from shared.runtime.clock import system_clock

MANY, FEW = DISTINCT_MAX - 1, 10
"""Values that the tallies have counted. With one more a tally looks for no further ones."""
PLAYERS = 100
"""Players with many values, and as many with few."""
_ROUNDS = Stat(Source.STAT, "rounds")


def add_distinct_values(bench: Workbench, table: Table) -> None:
    """Add what an event costs Postgres whose value a large tally has counted, compared with a small one."""
    setup = bench.changed(bench.empty_setup(), "distinct", _with_a_goal)
    for number in (MANY, FEW):
        _fill(setup, number)
    events = count()
    with bench.service(EVENT_HANDLER, setup) as handler:
        pairs = bench.alternating(
            "events with values that were counted",
            partial(_play_rounds, bench, handler, events, MANY),
            partial(_play_rounds, bench, handler, events, FEW),
        )
    table.add(
        f"CPU of Postgres per event, {MANY:,} distinct values",
        median([run.cpu_us(POSTGRES) / BATCH for run, _ in pairs]),
        Unit.MICROSECONDS,
    )
    cpu = ratio([(run.cpu_us(POSTGRES), other.cpu_us(POSTGRES)) for run, other in pairs])
    table.add(f"CPU of Postgres relative to {FEW} distinct values", cpu.value, Unit.RATIO, at_most(1.1), str(cpu))


def _with_a_goal(document: Any) -> None:
    """Give the catalogue a goal that no event completes."""
    goal = {
        "id": "all-maps",
        "name": "All Maps",
        "source": "stat",
        "stat": _ROUNDS.code,
        "count": "distinct",
        "attribute": "map",
        "target": DISTINCT_MAX,
        "default_assigned": True,
        "reward": {"type": "WALLET", "id": "COINS", "quantity": 1},
    }
    document["challenges"].append({"id": "maps", "name": "Maps", "goals": [goal]})


def _fill(setup: Setup, number: int) -> None:
    """Store players whose tallies have counted this number of values."""
    [stat] = [each.stat for each in setup.catalogue.derived_stats]
    hashes = [value_hash(_map(each)) for each in range(number)]
    now = system_clock()
    with connected(setup.url) as connection:
        for player in _players(number):
            values = [DistinctValue(player, LIFETIME.text, LIFETIME_START, stat, each) for each in hashes]
            distinct_values.insert_missing(connection, values)
        counted = Tally(sum=number, events=number, sum_time=now, events_time=now)
        tallies.merge(connection, {TallyKey(player, stat): counted for player in _players(number)})


def _players(number: int) -> list[str]:
    return [f"player {each} with {number} values" for each in range(PLAYERS)]


def _map(number: int) -> str:
    return f"map {number}"


def _play_rounds(bench: Workbench, handler: ServerProcess, numbers: count[int], values: int) -> Run:
    """Report batches of events, each with another value that the player's tally has counted."""
    length = bench.scale.short_run
    now = system_clock()
    players = _players(values)

    def event(number: int) -> Event:
        attributes = (("map", _map(number // PLAYERS % values)),)
        return Event(f"{number}", players[number % PLAYERS], now, _ROUNDS, delta=1, attributes=attributes)

    requests = [
        rpc.ReportEventsRequest(events=map(message, map(event, islice(numbers, BATCH)))).SerializeToString()
        for _ in range(calls_for(length, RATE_MAX / BATCH))
    ]
    return bench.play(handler, REPORT_BATCH, requests, SATURATION, length)
