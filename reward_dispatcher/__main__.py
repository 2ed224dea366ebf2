"""The reward dispatcher, `python -m reward_dispatcher`: delivers grants where the challenge service does not."""

from __future__ import annotations

import gc
import os
import sys
from functools import partial

if __name__ == "__main__":
    # Objects that imports make stay. The collector would look through them again and again, for a tenth of the CPU.
    gc.disable()

from reward_dispatcher.settings import DispatcherSettings
from shared.rpc.limits import limits_of
from shared.rpc.server import Server, serve
from shared.rpc.tls import server_credentials
from shared.runtime.clocks import Clocks
from shared.runtime.health import Health
from shared.runtime.service import Process, Service, run_service
from shared.wiring.backing_services import open_database
from shared.wiring.reward_delivery import start_delivery
from shared.wiring.transport_security import open_port_tls

NAME = "reward_dispatcher"


def compose(settings: DispatcherSettings, process: Process) -> None:
    """Start all parts; the last one to start is the first to stop. The server offers only health checks."""
    health = Health([NAME])
    process.readiness.follow(health)
    clocks = Clocks(process.clock)
    database = open_database(settings.database, NAME, process, health, clocks)
    start_delivery(settings.rewards, database, clocks, process)
    process.lifecycle.on_stop("waits for the database", database.begin_stop)
    tls = open_port_tls(settings.tls, process)
    server = Server(
        process.endpoint,
        [],
        threads=settings.server.threads,
        limits=limits_of(settings.server),
        health=health,
        telemetry=process.telemetry,
        credentials=None if tls is None else server_credentials(tls),
    )
    serve(server, health, process.lifecycle, process.grace_s)
    process.lifecycle.on_stop("calls that the database holds", partial(database.begin_stop, process.grace_s))


SERVICE = Service(NAME, "Delivers claimed rewards to their providers.", DispatcherSettings, compose)


def main() -> int:
    """Run the dispatcher until a signal stops it, and return the exit code."""
    gc.enable()
    return run_service(SERVICE, sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
