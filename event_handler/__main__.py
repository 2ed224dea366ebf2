"""The event handler: `python -m event_handler`."""

from __future__ import annotations

import gc
import logging
import os
import sys
import time
from functools import partial

from shared.catalogue import separate_loader

if __name__ == "__main__":
    # Objects that imports make stay. The collector would look through them again and again, for a tenth of the CPU.
    gc.disable()
    if sys.argv[1:] in ([], ["--worker"]):
        # Another core reads the catalogue while this one imports. With other arguments nothing may be served.
        separate_loader.prepare()

from challenge.v1 import event_service_pb2

from event_handler.event_flusher import EventFlusher
from event_handler.group_commit import GroupCommit
from event_handler.score_writer import ScoreWriter
from event_handler.servicer import EventServicer
from event_handler.settings import EventHandlerSettings
from event_handler.telemetry import EventTelemetry
from shared.domain.acceptance import AcceptanceWindow
from shared.domain.catalogue import Catalogue
from shared.domain.clock_comparison import Now
from shared.domain.grants import unrouted
from shared.domain.instant import DAY, HOUR, SECOND
from shared.operations.events.event_horizon import RENEW_INTERVAL_S, RENEW_TIMEOUT_S, EventHorizon
from shared.operations.events.ledger_partitions import KEEP_INTERVAL_S, PASS_DEADLINE_S, LedgerPartitions
from shared.operations.goals.achievement_telemetry import AchievementTelemetry
from shared.operations.leaderboards.known_boards import KnownBoards
from shared.providers.opening import named_routes
from shared.rpc.limits import limits_of
from shared.rpc.server import Server, ServiceBinding, serve
from shared.rpc.tls import server_credentials
from shared.runtime.clocks import Clocks
from shared.runtime.health import Health
from shared.runtime.service import Process, Service, run_service
from shared.wiring.backing_services import open_cache, open_catalogue, open_database, watch_catalogue
from shared.wiring.callers import open_callers
from shared.wiring.development_clock import open_development_clock, present_by_both, rank_carried_periods
from shared.wiring.leaderboard_duties import open_leaderboard_cache, start_period_maintenance
from shared.wiring.range_duties import (
    start_claim_retention,
    start_completion_packing,
    start_completion_retention,
    start_grant_moves,
    start_tally_pruning,
)
from shared.wiring.transport_security import open_port_tls

log = logging.getLogger(__name__)

NAME = "event_handler"
LAST_BATCH_S = 2.0
"""Seconds for committing the rest of the buffer after all calls have ended. No caller waits any more, so it is almost
always empty."""
LAST_SCORES_S = 0.5
"""Seconds for writing the last scores into Redis. Another process repairs the rest from the journal."""
CONTRACT = event_service_pb2.DESCRIPTOR.services_by_name["EventService"]


def compose(settings: EventHandlerSettings, process: Process) -> None:
    """Start all parts; the last one to start is the first to stop."""
    clocks = Clocks(process.clock)
    routes = named_routes(settings.routes)

    def judged_by(definitions: Catalogue) -> Catalogue:
        """Return the definitions as they are, which events are judged by."""
        for reward_type in unrouted(definitions, routes):
            log.warning("automatic claims have no reward provider", extra={"reward_type": reward_type.value})
        return definitions

    catalogue = open_catalogue(settings.catalogue, judged_by, clocks.earliest)
    horizon = EventHorizon(AcceptanceWindow(settings.events.horizon_h * HOUR, settings.events.skew_s * SECOND))
    telemetry = EventTelemetry(process.telemetry)
    health = Health([CONTRACT.full_name])
    process.readiness.follow(health)
    cache = open_cache(settings.redis, process, health)
    database = open_database(settings.database, NAME, process, health, clocks)
    database.achieved = AchievementTelemetry(process.telemetry).count

    development = open_development_clock(settings.development, process, health)

    def renew_horizon() -> None:
        horizon.renew(database, clocks.earliest(), time.monotonic() + RENEW_TIMEOUT_S)

    process.duties.start("renew event horizon", RENEW_INTERVAL_S, renew_horizon, pass_s=RENEW_TIMEOUT_S)

    def may_drop() -> bool:
        # A call may carry any instant, and whatever day it is, its events count once.
        return development is None and clocks.agreed and horizon.known

    partitions = LedgerPartitions(database, lambda: horizon.window.horizon, clocks.earliest, may_drop)
    telemetry.watch_partitions(partitions)
    process.duties.start("keep ledger partitions", KEEP_INTERVAL_S, partitions.one_pass, pass_s=PASS_DEADLINE_S)

    known_boards = KnownBoards(database)
    watch_catalogue(catalogue, database, process, health, known_boards)
    start_period_maintenance(catalogue.live, database, horizon, clocks, process)
    if development is None:
        start_tally_pruning(catalogue.live, database, horizon, clocks, process)
        if retention := settings.events.completion_retention_d * DAY:
            start_completion_retention(catalogue.live, database, retention, clocks, process)
        if pack_age := settings.events.completion_pack_d * DAY:
            start_completion_packing(catalogue.live, database, pack_age, clocks, process)
        claims, audits = settings.events.claim_retention_d * DAY, settings.events.audit_retention_d * DAY
        if claims or audits:
            start_claim_retention(database, claims, audits, clocks, process)
        kept, retention = settings.events.grant_move_d * DAY, settings.events.grant_retention_d * DAY
        if kept or retention:
            start_grant_moves(database, kept, retention, clocks, process)
    else:
        rank_carried_periods(development, catalogue.live, database, lambda: horizon.window.horizon)

    boards = open_leaderboard_cache(cache, database, lambda: catalogue.live.current, process, known_boards).rankings
    score_writer = ScoreWriter(database, boards) if boards is not None else None
    if score_writer is not None:
        score_writer.start()
        process.lifecycle.on_stop("score writer", lambda: score_writer.close(LAST_SCORES_S))

    def now() -> Now:
        present = clocks.now()
        # Before the horizons of other handlers are known, no event is refused as too old.
        return present if horizon.known else present._replace(confirmed=False)

    flusher = EventFlusher(
        database,
        telemetry,
        score_writer,
        keep_content=settings.events.keep_content,
        routes=routes,
        queue_clock=clocks.database,
        events_carry_present=development is not None,
    )
    group_commit = GroupCommit(flusher.flush, buffer_events_max=settings.events.buffer_events_max)
    telemetry.watch(group_commit)
    group_commit.start()
    process.lifecycle.on_stop("writer", lambda: group_commit.close(LAST_BATCH_S), timeout_s=LAST_BATCH_S + 0.5)
    servicer = EventServicer(
        group_commit, catalogue.live, lambda: horizon.window, present_by_both(now, development), telemetry
    )
    process.lifecycle.on_stop("waits for the database", database.begin_stop)
    tls = open_port_tls(settings.tls, process)
    server = Server(
        process.endpoint,
        [ServiceBinding(CONTRACT, servicer)],
        threads=settings.server.threads,
        streams=settings.events.streams,
        limits=limits_of(settings.server, {"ReportEvents": settings.events.batch_body_timeout_s}),
        health=health,
        telemetry=process.telemetry,
        development=development,
        credentials=None if tls is None else server_credentials(tls),
        callers=open_callers(settings.callers, process),
        reflection=settings.callers.reflects,
    )
    serve(server, health, process.lifecycle, process.grace_s, servicer.streams.stop)
    process.lifecycle.on_stop("calls that the database holds", partial(database.begin_stop, process.grace_s))


SERVICE = Service(
    NAME,
    "Takes events in and turns them into progress.",
    EventHandlerSettings,
    compose,
    separate_loader.discard_prepared,
)


def main() -> int:
    """Run the handler until a signal stops it, and return the exit code."""
    gc.enable()
    return run_service(SERVICE, sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
