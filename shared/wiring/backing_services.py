"""The dependencies of both services: the catalogue, Postgres, and Redis where one is configured."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from shared.cache.keys import PREFIX_LENGTH_MAX, PREFIX_PATTERN
from shared.cache.redis import Cache
from shared.catalogue import separate_loader
from shared.catalogue.problem import CatalogueInvalid
from shared.domain.catalogue import Catalogue
from shared.domain.instant import SECOND
from shared.operations.catalogue.catalogue_watch import POLL_INTERVAL_S, POLL_TIMEOUT_S, CatalogueWatch
from shared.operations.database_probe import PROBE_DEADLINE_S, SchemaChecks, probe_database
from shared.operations.leaderboards.known_boards import KnownBoards
from shared.postgres.connection_lender import CLOSE_S
from shared.postgres.database import Database
from shared.postgres.database_telemetry import DatabaseTelemetry
from shared.postgres.stale_reads import PROBE_TIMEOUT_S, StaleReads
from shared.postgres.statement_canceller import SETTLE_S
from shared.runtime.clock import Clock
from shared.runtime.clocks import Clocks
from shared.runtime.health import PROBE_INTERVAL_S, Health
from shared.runtime.lifecycle import STEP_TIMEOUT_S
from shared.runtime.logs import RateLimit
from shared.runtime.service import Process
from shared.runtime.settings_groups import (
    SYNCHRONOUS_REQUIRED,
    CatalogueSettings,
    DatabaseSettings,
    RedisSettings,
    StandbySettings,
)
from shared.runtime.start_refused import StartRefused
from shared.runtime.telemetry import Telemetry

T = TypeVar("T")

POOL_WARNING_INTERVAL_S = 10.0
"""Interval in seconds between two equal warnings of the connection pool."""

_CACHE_CONNECTIONS_MAX = 1_100
"""More than the number of threads, so that a call never waits for a connection."""


def open_catalogue(settings: CatalogueSettings, prepare: Callable[[Catalogue], T], clock: Clock) -> CatalogueWatch[T]:
    """Load the first catalogue. Raise `StartRefused` with all its problems if it is invalid.

    `prepare` converts it to the form that the service uses. No catalogue is in use before `watch_catalogue`.
    """
    try:
        return CatalogueWatch(settings.path, separate_loader.load, prepare, clock)
    except CatalogueInvalid as invalid:
        raise StartRefused(f"the catalogue {settings.path} is invalid:\n{invalid}") from None


def watch_catalogue(
    watch: CatalogueWatch[T], database: Database, process: Process, health: Health, known_boards: KnownBoards
) -> None:
    """Put the catalogue into use, and follow its changes on disk. The process is unhealthy while none is in use.

    Before the first one is used, others can tell which leaderboards this process does not know, should it be killed.
    Return when one is in use, or after a time limit. Raise `StartRefused` if it is refused and other workers can serve.
    """
    watch.before_first_use = known_boards.follow
    process.lifecycle.on_reload(watch.reload)
    process.duties.start("watch catalogue", POLL_INTERVAL_S, lambda: watch.poll(database), pass_s=POLL_TIMEOUT_S)
    # This takes milliseconds, or without a database the time limit of its probe.
    watch.wait_for_first_poll(POLL_TIMEOUT_S)
    reason = watch.reason_unusable()
    if process.endpoint.shared and watch.refused and reason is not None:
        # A worker that listens receives its share of the connections, even if it cannot serve them.
        raise StartRefused(reason)
    probe = health.add_probe("catalogue", watch.reason_unusable)
    process.duties.start("probe catalogue", PROBE_INTERVAL_S, probe)
    _measure(watch, process.telemetry)


def _measure(watch: CatalogueWatch[T], telemetry: Telemetry) -> None:
    """Show the catalogue in use as metrics."""
    live = watch.live

    def info() -> Mapping[str, str]:
        in_use = live.in_use
        return {"version": in_use.version} if in_use is not None else {}

    def loaded_s() -> float:
        in_use = live.in_use
        return in_use.since / SECOND if in_use is not None else 0.0

    telemetry.info("catalogue_info", "The catalogue version in use.", info)
    telemetry.gauge(
        "catalogue_loaded_timestamp_seconds", "When the catalogue was put into use, in seconds since 1970.", loaded_s
    )
    telemetry.gauge("catalogue_refused", "1 while the catalogue on disk is refused.", lambda: float(watch.refused))


def open_database(settings: DatabaseSettings, name: str, process: Process, health: Health, clocks: Clocks) -> Database:
    """Connect to Postgres in the background. Health depends on it, on its schema, and on its clock."""
    # The pool warns of every connection that it loses or does not get: hundreds a second while the database is away.
    logging.getLogger("psycopg.pool").addFilter(RateLimit(POOL_WARNING_INTERVAL_S))
    telemetry = DatabaseTelemetry(process.telemetry)
    database = Database(
        settings.url.reveal(),
        pool_size=settings.pool_size,
        application_name=name,
        telemetry=telemetry,
        synchronous=settings.synchronous == SYNCHRONOUS_REQUIRED,
    )
    database.open()
    process.lifecycle.on_stop("database", database.close, timeout_s=CLOSE_S + SETTLE_S + STEP_TIMEOUT_S)
    checks = SchemaChecks()
    probe = health.add_probe("database", lambda: probe_database(database, clocks, checks=checks))
    compare_clocks = health.add_probe("clock", clocks.problem)

    def one_pass() -> None:
        probe()
        compare_clocks()

    process.duties.start("probe database", PROBE_INTERVAL_S, one_pass, pass_s=PROBE_DEADLINE_S)
    process.telemetry.gauge(
        "clock_difference_seconds",
        "Seconds by which the database's clock is ahead of the process's.",
        lambda: clocks.difference_s,
    )
    process.telemetry.gauge(
        "database_clock_stepped",
        "1 while the clocks differ because the database's clock stepped.",
        lambda: float(clocks.database_stepped),
    )
    return database


def open_standby(
    settings: StandbySettings, pool_size: int, name: str, primary: Database, process: Process, health: Health
) -> StaleReads:
    """Connect to a standby if one is configured. It has its own health name and never makes a service NOT_SERVING."""
    if settings.url is None:
        return StaleReads(primary)
    standby = Database(settings.url.reveal(), pool_size=pool_size, application_name=f"{name} standby")
    standby.open()
    process.lifecycle.on_stop("standby", standby.close, timeout_s=CLOSE_S + SETTLE_S + STEP_TIMEOUT_S)
    process.lifecycle.on_stop("waits for the standby", standby.begin_stop)
    reads = StaleReads(primary, standby)
    probe = health.add_probe("standby", reads.probe, decisive=False)
    process.duties.start("probe standby", PROBE_INTERVAL_S, probe, pass_s=3 * PROBE_TIMEOUT_S)
    process.telemetry.gauge(
        "database_standby_lag_seconds", "Seconds by which the standby that is read is behind.", lambda: reads.lag_s
    )
    return reads


def open_cache(settings: RedisSettings, process: Process, health: Health) -> Cache | None:
    """Connect to Redis if it is configured. It has its own health name and never makes a service NOT_SERVING."""
    if settings.url is None:
        return None
    if PREFIX_PATTERN.fullmatch(settings.prefix) is None:
        raise StartRefused(
            f"REDIS_PREFIX may consist of up to {PREFIX_LENGTH_MAX} letters, digits and _ . : -, as in game-1:"
        )
    cache = Cache(settings.url.reveal(), connections_max=_CACHE_CONNECTIONS_MAX, prefix=settings.prefix)
    process.lifecycle.on_stop("redis", cache.close)
    probe = health.add_probe("redis", cache.probe, decisive=False)
    process.duties.start("probe redis", PROBE_INTERVAL_S, probe)
    return cache
