"""The event handler: `python -m event_handler`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from challenge.v1 import event_service_pb2

from event_handler.group_commit import GroupCommit
from event_handler.servicer import EventServicer
from event_handler.settings import EventHandlerSettings
from event_handler.telemetry import EventTelemetry
from shared.domain.acceptance import Window
from shared.domain.events import Event, Outcome
from shared.domain.instant import HOUR, SECOND
from shared.operations.backing_services import load_catalogue, open_cache, open_database
from shared.operations.flush import flush
from shared.operations.partitions import KEEP_INTERVAL_S, PASS_DEADLINE_S, keep_ledger_partitions
from shared.rpc.health import Health
from shared.rpc.server import Server, Servicing, serve
from shared.runtime.clock import system_clock
from shared.runtime.service import Process, Service, run_service

NAME = "event_handler"
CONTRACT = event_service_pb2.DESCRIPTOR.services_by_name["EventService"]


def compose(settings: EventHandlerSettings, process: Process) -> None:
    """Start all parts; what is started last is stopped first."""
    catalogue = load_catalogue(settings.catalogue.path)
    window = Window(settings.events.horizon_h * HOUR, settings.events.skew_s * SECOND)
    telemetry = EventTelemetry(process.telemetry)
    health = Health([CONTRACT.full_name])
    open_cache(settings.redis, process, health)
    database = open_database(settings.database, NAME, process, health)

    def keep_partitions() -> None:
        deadline = time.monotonic() + PASS_DEADLINE_S
        telemetry.days_without_partition = keep_ledger_partitions(database, window.horizon, system_clock(), deadline)

    process.duties.start("keep ledger partitions", KEEP_INTERVAL_S, keep_partitions)

    def commit(events: Sequence[Event], deadline: float) -> Sequence[Outcome]:
        return flush(database, catalogue, events, deadline)

    group_commit = GroupCommit(telemetry.measured(commit), buffer_events_max=settings.events.buffer_events_max)
    telemetry.watch(group_commit)
    group_commit.start()
    process.lifecycle.on_stop(
        "group commit", lambda: group_commit.close(process.grace_s), timeout_s=process.grace_s + 1
    )
    server = Server(
        process.endpoint,
        [Servicing(CONTRACT, EventServicer(group_commit, catalogue, window, system_clock, telemetry))],
        threads=settings.server.threads,
        health=health,
        telemetry=process.telemetry,
    )
    serve(server, health, process.lifecycle, process.grace_s)


def main() -> int:
    """Run the handler until a signal ends it."""
    service = Service(NAME, "Takes events in and turns them into progress.", EventHandlerSettings, compose)
    return run_service(service, sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
