"""Delivery of grants to a game that takes 5 ms for each."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

from bench.database import connected, statement
from bench.figures import Table, Unit, at_least, quotient
from bench.services import ServerProcess, dispatcher, game
from bench.workbench import Workbench
from devstack.game.settings import PUBLIC_SECRET
from devstack.ports import LOOPBACK
from load_generator.usage import cpu_seconds
from shared.postgres.connection import Connection
from shared.runtime.clock import system_clock
from shared.runtime.reward_settings import GRPC, WEBHOOK

THINKS_S = 0.005
GRANTS_A_SECOND = 750
"""Grants prepared per second of an interval."""
PATIENCE_S = 60.0
POLL_S = 0.05


def measure_delivery(bench: Workbench) -> Table:
    """Measure grants per second, and check that the game has given each of them once."""
    grants = max(200, int(GRANTS_A_SECOND * bench.scale.seconds))
    table = Table(
        "delivery",
        "Delivery of grants to the game",
        f"{grants:,} grants that are due, one dispatcher at its defaults, and the game of the development stack, which "
        f"takes {1e3 * THINKS_S:g} ms about each and keeps its grant log on disk. Rates are of the middle four fifths.",
    )
    for provider in (GRPC, WEBHOOK):
        bench.say(f"delivery: by {provider}")
        grant_log = bench.directory / f"{provider}.grants"
        url = bench.empty_setup().url
        with (
            connected(url) as connection,
            bench.running(game(grant_log, THINKS_S), bench.cores.others) as served,
        ):
            statement("queue_up").rows(connection, provider, grants, system_clock())
            connection.execute("VACUUM (ANALYZE) reward_outbox")
            with bench.running(dispatcher(url, **_where(provider, served))) as running:
                _wait_until_delivered(connection)
                cpu_us = 1e6 * cpu_seconds(running.running_pid) / grants
            ((delivered, seconds),) = statement("delivered").rows(connection)
        table.add(f"grants a second, by {provider}", quotient(0.8 * delivered, seconds), target=at_least(800))
        table.add(f"CPU of the dispatcher per grant, by {provider}", cpu_us, Unit.MICROSECONDS, note="with its start")
        table.check(f"grants that the game has not given exactly once, by {provider}", _faults(grant_log, grants))
    return table


def _where(provider: str, served: ServerProcess) -> dict[str, str]:
    """Return the settings with the game's address."""
    if provider == GRPC:
        return {"REWARD_GRPC_TARGET": f"{LOOPBACK}:{served.port}"}
    url = f"http://{LOOPBACK}:{served.http_port}/grants"
    return {"REWARD_WEBHOOK_URL": url, "REWARD_WEBHOOK_SECRET": PUBLIC_SECRET}


def _wait_until_delivered(connection: Connection) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while statement("undelivered").rows(connection)[0][0]:
        if time.monotonic() > deadline:
            return
        time.sleep(POLL_S)


def _faults(grant_log: Path, grants: int) -> int:
    """Return the number of missing or repeated grants in the game's own log."""
    given = Counter(json.loads(line)["grant_id"] for line in grant_log.read_text().splitlines())
    return abs(grants - len(given)) + sum(times - 1 for times in given.values())
