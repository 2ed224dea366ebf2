"""Load of three times a service's capacity, also on a service that was just started."""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice

import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc

from bench.load import Run
from bench.machine import memory_of
from bench.workbench import LOAD_CATALOGUE
from load_generator.plan import ClosedLoop, OpenLoop, Plan, RunLength
from load_generator.run import play
from tests.support.busy_machine import BUSY_FACTOR
from tests.support.event_messages import login
from tests.support.service_process import ServiceProcess, serving
from tests.support.services import rows

ROUNDS = 3
LOAD_S = float(os.environ.get("OVERLOAD_S", "4"))
"""`OVERLOAD_S=60` for the minute that production must survive."""
COLD_S = 1.0
"""Seconds in which a service that was just started does everything for the first time, under full load already."""
TIMES_CAPACITY = 3
CONNECTIONS = 8
CALLERS = 1_000
"""Callers who call again at once after any response: many times the number a worker handles."""
RATE_MAX = 8_000.0
GOODPUT = 0.8 if BUSY_FACTOR <= 1 else 0.3
"""Share of the best rate that is kept under overload. Where 25 other processes want the cores, the event handler keeps
0.51 to 0.68, because refusals take their part of what is left. A service that collapses keeps nearly nothing."""
MEMORY_MAX_MIB = 400.0
FINE = {"OK", "RESOURCE_EXHAUSTED"}

LISTED_PLAYERS = 1_000


def lists() -> Iterator[bytes]:
    """Yield lists of players without end."""
    return (
        rpc.ListChallengesRequest(user_id=f"player-{number % LISTED_PLAYERS}").SerializeToString() for number in count()
    )


def events() -> Iterator[bytes]:
    """Yield logins, each a new event."""
    now = time.time_ns() // 1_000
    return (
        event_rpc.ReportEventRequest(
            event=login(f"player-{number % LISTED_PLAYERS}", event_id=f"{now}-{number}", at=now)
        ).SerializeToString()
        for number in count()
    )


@dataclass(frozen=True)
class Load:
    """The calls to one service."""

    method: str
    requests: Callable[[], Iterator[bytes]]
    at_once: int
    """As many calls as a worker handles at once."""

    @property
    def saturation(self) -> ClosedLoop:
        """The greatest load at which no call waits for a thread."""
        return ClosedLoop(in_flight=self.at_once, connections=CONNECTIONS)


LOADS = {
    "challenge_service": Load("challenge.v1.ChallengeService/ListChallenges", lists, 32),
    "event_handler": Load("challenge.v1.EventService/ReportEvent", events, 128),
}


def played(
    service: ServiceProcess, load: Load, pace: OpenLoop | ClosedLoop, seconds: float, unmeasured_s: float = 0.0
) -> Run:
    """Play this load, and return the result; the first `unmeasured_s` do not count for its rate."""
    most = int((unmeasured_s + seconds) * (pace.rate if isinstance(pace, OpenLoop) else RATE_MAX))
    plan = Plan(
        ports=[service.port],
        methods=[(0, load.method)],
        requests=[(0, request) for request in islice(load.requests(), most)],
        pace=pace,
        length=RunLength(unmeasured_s, seconds),
        keep_every=[0],
    )
    return Run(play(plan))


def overload(best: Run) -> OpenLoop:
    """Return a load of three times the best rate."""
    return OpenLoop(rate=TIMES_CAPACITY * best.rate, connections=CONNECTIONS, callers=CALLERS)


@pytest.mark.slow
@pytest.mark.parametrize("module", LOADS)
def test_goodput_holds_under_overload_also_right_after_the_start(database_url: str, module: str) -> None:
    load = LOADS[module]
    runs: list[Run] = []
    kept: list[float] = []
    kept_when_cold: list[float] = []
    memory_mib = 0.0
    with serving(module, database_url, CATALOGUE=str(LOAD_CATALOGUE)) as service:
        # Prepares plans, fills caches and opens connections.
        runs.append(played(service, load, load.saturation, 1.0))
        before = played(service, load, load.saturation, LOAD_S)
        for number in range(ROUNDS):
            over = played(service, load, overload(before), LOAD_S)
            memory_mib = max(memory_mib, memory_of(service.pid).peak)
            assert service.stop() == 0
            service.start()
            service.wait_for("serving", count=2 + number)
            cold = played(service, load, overload(before), LOAD_S, COLD_S)
            after = played(service, load, load.saturation, LOAD_S)
            # The best that the machine gave before and after.
            best_rate = min(before.rate, after.rate)
            kept.append(over.rate / best_rate)
            kept_when_cold.append(cold.rate / best_rate)
            runs += [before, over, cold]
            before = after
        runs.append(before)
        assert service.stop() == 0
    codes = sum((run.codes() for run in runs), Counter[str]())
    print(  # noqa: T201
        f"\n{module}: {max(run.rate for run in runs):,.0f}/s at its best; kept under overload "
        f"{', '.join(f'{share:.0%}' for share in kept)}, right after the start "
        f"{', '.join(f'{share:.0%}' for share in kept_when_cold)}; {dict(codes)}; {memory_mib:.0f} MiB at most"
    )
    for run in runs:
        assert set(run.codes()) <= FINE, run.failures
    assert memory_mib < MEMORY_MAX_MIB
    if module == "event_handler":
        acknowledged = sum(run.played.codes.count(0) for run in runs)
        assert rows(database_url, "SELECT sum(events)::int FROM tally WHERE schedule = 'lifetime'") == [
            (acknowledged,)
        ], "each counts once"
    # One round that other processes disturb does not decide.
    assert statistics.median(kept) >= GOODPUT
    assert statistics.median(kept_when_cold) >= GOODPUT
