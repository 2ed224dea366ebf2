"""What both services stand on: the catalogue, Postgres, and Redis where there is one."""

from __future__ import annotations

from pathlib import Path

from shared.cache.redis import Cache
from shared.catalogue.loader import load
from shared.catalogue.problem import CatalogueInvalid
from shared.domain.catalogue import Catalogue
from shared.operations.probe import probe_database
from shared.postgres.database import Database
from shared.postgres.telemetry import DatabaseTelemetry
from shared.rpc.health import PROBE_INTERVAL_S, Health
from shared.runtime.errors import StartRefused
from shared.runtime.service import Process
from shared.runtime.settings_groups import DatabaseSettings, RedisSettings

_CACHE_CONNECTIONS_MAX = 8


def load_catalogue(path: Path) -> Catalogue:
    """The catalogue to start with; `StartRefused` with all its problems if it is invalid."""
    try:
        return load(path)
    except CatalogueInvalid as invalid:
        raise StartRefused(f"the catalogue {path} is invalid:\n{invalid}") from None


def open_database(settings: DatabaseSettings, name: str, process: Process, health: Health) -> Database:
    """Connect to Postgres in the background. Health follows it and its schema."""
    telemetry = DatabaseTelemetry(process.telemetry)
    database = Database(settings.url, pool_size=settings.pool_size, application_name=name, telemetry=telemetry)
    database.open()
    process.lifecycle.on_stop("database", database.close)
    probe = health.add_probe("database", lambda: probe_database(database))
    process.duties.start("probe database", PROBE_INTERVAL_S, probe)
    return database


def open_cache(settings: RedisSettings, process: Process, health: Health) -> None:
    """Connect to Redis where one is set. It has a health name of its own and never makes a service NOT_SERVING."""
    if settings.url is None:
        return
    cache = Cache(settings.url, connections_max=_CACHE_CONNECTIONS_MAX)
    process.lifecycle.on_stop("redis", cache.close)
    probe = health.add_probe("redis", cache.probe, decisive=False)
    process.duties.start("probe redis", PROBE_INTERVAL_S, probe)
