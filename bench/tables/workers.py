"""Workers that die: how long until another one takes calls in their place."""

from __future__ import annotations

import os
import signal
import time

from bench.figures import Table, Unit, at_most
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.workplace import LOAD_CATALOGUE, Workplace

WORKERS = 2
SETTINGS = {CHALLENGE_SERVICE: "CHALLENGE_WORKERS", EVENT_HANDLER: "EVENT_WORKERS"}
REPLACED_S = 1.0


def measure_workers(place: Workplace) -> Table:
    """From `kill -9` to the line in which the next worker says that it serves; the slowest of several."""
    table = Table(
        "workers",
        "A killed worker is replaced",
        f"{place.terms.rounds} starts of each service with {WORKERS} workers; each worker is killed once. No load.",
    )
    for module in SETTINGS:
        with place.ground() as ground:
            took_s = sorted(
                seconds
                for _ in place.rounds(f"workers: {module}", place.terms.rounds)
                for seconds in _kill_each(place, module, ground.url)
            )
        note = f"least {took_s[0] * 1_000:.0f}, middle {took_s[len(took_s) // 2] * 1_000:.0f} ms of {len(took_s)}"
        table.add(f"{module}: serves again after, at most", took_s[-1], Unit.SECONDS, at_most(REPLACED_S), note)
    return table


def _kill_each(place: Workplace, module: str, url: str) -> list[float]:
    """Seconds without the worker, for each of the workers in turn."""
    took_s = []
    with place.service(module, url, LOAD_CATALOGUE, **{SETTINGS[module]: str(WORKERS)}) as service:
        workers = [service.wait_for("started", count).entry["pid"] for count in range(1, WORKERS + 1)]
        for killed, pid in enumerate(workers, 1):
            # As in a service that has run for a while: the process that replaces is there.
            service.wait_for("standing by to replace a worker", killed)
            at_s = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            took_s.append(service.wait_for("serving", WORKERS + killed).at_s - at_s)
    return took_s
