"""The cost of services that have nothing to do."""

from __future__ import annotations

import time
from contextlib import ExitStack

from bench.database import connected
from bench.figures import Table, Unit, at_most
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.workbench import Workbench
from load_generator.usage import cpu_seconds

PROCESSES = 3
"""Processes of each service."""
WORKERS = 2
SETTLING_S = 20.0
"""Seconds after which workers have done what they do at their start, such as visiting all players."""
MEASURED_S = 30.0
COMMITTED = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


def measure_idle(bench: Workbench) -> Table:
    """Measure the transactions and the CPU of both services, with several workers each and no calls."""
    workers = 2 * PROCESSES * WORKERS
    table = Table(
        "idle",
        f"{workers} workers have nothing to do",
        f"{PROCESSES} processes of each service with {WORKERS} workers each, {SETTLING_S:g} s after their start, for "
        f"{MEASURED_S:g} s. Transactions are those of the database, with the server's own.",
    )
    with ExitStack() as running, bench.setup() as setup, connected(setup.url) as connection:
        bench.say("idle")
        servers = [
            running.enter_context(bench.service(module, setup, **{setting: str(WORKERS)}))
            for module, setting in ((CHALLENGE_SERVICE, "CHALLENGE_WORKERS"), (EVENT_HANDLER, "EVENT_WORKERS"))
            for _ in range(PROCESSES)
        ]

        def committed() -> int:
            return int(connection.execute(COMMITTED.encode()).fetchall()[0][0])

        def cpu_s() -> float:
            return sum(cpu_seconds(server.running_pid) for server in servers)

        time.sleep(SETTLING_S)
        before, cpu_s_before, began = committed(), cpu_s(), time.monotonic()
        time.sleep(MEASURED_S)
        took_s = time.monotonic() - began
        table.add("transactions a second", (committed() - before) / took_s, Unit.COUNT, at_most(30.0))
        table.add("CPU a worker", 100 * (cpu_s() - cpu_s_before) / took_s / workers, Unit.PERCENT, note="of a core")
    return table
