"""Calls that write, one at a time in this process: where their CPU goes, here and in Postgres."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from typing import Any, NamedTuple

from bench.database import opened, statement
from bench.figures import Table, Unit
from bench.machine import thread_cpu_us
from bench.tables.claims import claim_requests
from bench.tables.players import activation_requests
from bench.tables.stages import call_of
from bench.workbench import Setup, Workbench
from challenge_service.__main__ import encode
from challenge_service.servicer import ChallengeServicer
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.events.flush import Flush
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.runtime.clock import system_clock
from shared.runtime.interpreter import collect_seldom

CALLS = 50
"""Calls of one pass."""
PASSES = 20
_PATIENCE_S = 10.0


class _Cost(NamedTuple):
    """The cost of one call: the least of all passes."""

    thread_us: float
    postgres_us: float
    round_trips: float


def measure_write_stages(bench: Workbench) -> Table:
    """Measure the CPU of writing calls compared with that of the statement that stores as many rows."""
    table = Table(
        "write_stages",
        "Calls that write, without a server",
        f"CPU of one thread and of its session in Postgres for each call, layers and COMMIT included, one at a time in "
        f"this process: the least of {PASSES} passes of {CALLS} calls. With each, the statement of its floor.",
    )
    with bench.setup() as setup, bench.on(bench.cores.server), ThreadPoolExecutor(1) as thread:
        bench.say("write_stages: one thread")
        for name, cost in thread.submit(_costs, setup).result().items():
            table.add(f"{name}: CPU of the thread", cost.thread_us, Unit.MICROSECONDS)
            table.add(f"{name}: CPU of Postgres", cost.postgres_us, Unit.MICROSECONDS)
            table.add(f"{name}: round trips", cost.round_trips)
    return table


def _costs(setup: Setup) -> dict[str, _Cost]:
    live = LiveCatalogue(encode)
    live.take(setup.catalogue, system_clock())
    collect_seldom()
    with opened(setup.url) as database:
        servicer = ChallengeServicer(database, live, system_clock)

        def flush(event: Any) -> object:
            return Flush(database, setup.catalogue, time.monotonic() + _PATIENCE_S).run([event])

        numbers = count(time.time_ns())
        return {
            "SetGoalActive": _cost(database, call_of(servicer, "SetGoalActive"), activation_requests(setup)),
            "floor of SetGoalActive": _cost(database, _floor(database, "floor_activation"), numbers),
            "ClaimReward": _cost(database, call_of(servicer, "ClaimReward"), claim_requests(setup)),
            "floor of ClaimReward": _cost(database, _floor(database, "floor_claim"), numbers),
            "a flush of one event": _cost(database, flush, setup.play.events(system_clock())),
            "floor of a flush": _cost(database, _floor(database, "floor_event"), numbers),
        }


def _floor(database: Database, name: str) -> Callable[[Any], object]:
    floor = statement(name)
    return lambda number: database.autocommit(
        lambda connection: floor.rows(connection, number), time.monotonic() + _PATIENCE_S
    )


def _cost(database: Database, work: Callable[[Any], object], items: Iterable[Any]) -> _Cost:
    """Return the lowest mean costs of a call among `PASSES` passes of `CALLS` calls each, every call with an item.

    A further pass comes first, which prepares statements and fills caches, and does not count. There must be items for
    all passes.
    """
    passes = []
    waiting = iter(items)
    for _ in range(PASSES + 1):
        some = list(islice(waiting, CALLS))
        assert len(some) == CALLS, "too few items"  # noqa: S101 - a mean over fewer calls would be wrong
        began, at_server, before = time.thread_time(), *_of_session(database)
        for item in some:
            work(item)
        took = time.thread_time() - began
        at_server_now, after = _of_session(database)
        # One of the round trips is that of `_of_session`.
        passes.append(_Cost(1e6 * took, at_server_now - at_server, after - before - 1))
    return _Cost(*(min(column) / CALLS for column in zip(*passes[1:], strict=True)))


def _of_session(database: Database) -> tuple[float, int]:
    """Return the CPU time in microseconds of the only session of the pool, and its round trips."""

    def pid_and_round_trips(connection: Connection) -> tuple[int, int]:
        connection.run_script(b"SELECT 1")
        return connection.info.backend_pid, connection.round_trips

    backend, round_trips = database.autocommit(pid_and_round_trips, time.monotonic() + _PATIENCE_S)
    return thread_cpu_us(backend), round_trips
