"""Groups of settings that processes share; each process nests those that it needs in its own settings class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.runtime.address_checks import check_collector, check_database, check_redis
from shared.runtime.secret import SecretAddress
from shared.runtime.settings import setting, variable_name
from shared.runtime.start_refused import SettingsInvalid

PORT_MAX = 65_535
"""The highest port. Port 0 asks the system for any free one; the log line `serving` names it."""

SYNCHRONOUS_REQUIRED = "required"
"""The value of `DATABASE_SYNCHRONOUS` that demands a synchronous standby."""
SYNCHRONOUS = ("optional", SYNCHRONOUS_REQUIRED)


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """PostgreSQL, the only durable storage."""

    url: SecretAddress = setting(
        "DATABASE_URL", help="PostgreSQL: a URL or a libpq connection string.", check=check_database
    )
    pool_size: int = setting(
        "DATABASE_POOL_SIZE",
        default=8,
        unit="connections",
        minimum=2,
        maximum=1_000,
        help="Connections to PostgreSQL that each worker keeps. Duties that pass through all players need two.",
    )
    synchronous: str = setting(
        "DATABASE_SYNCHRONOUS",
        default=SYNCHRONOUS[0],
        choices=SYNCHRONOUS,
        help="`required`: NOT_SERVING, and nothing is acknowledged, while PostgreSQL has no synchronous standby.",
    )
    connections_max: int = setting(
        "DATABASE_CONNECTIONS_MAX",
        default=100,
        unit="connections",
        minimum=1,
        maximum=100_000,
        help="Connections that all workers of one service may keep together. With more, the service refuses to start.",
    )


@dataclass(frozen=True, kw_only=True)
class StandbySettings:
    """A standby of PostgreSQL, for reads that may be a minute old."""

    url: SecretAddress | None = setting(
        "DATABASE_STANDBY_URL",
        help="A standby, for leaderboards that Redis lacks and for figures of challenges. Not set: `DATABASE_URL`.",
        check=check_database,
    )


@dataclass(frozen=True, kw_only=True)
class RedisSettings:
    """Redis or Valkey, an optional cache."""

    url: SecretAddress | None = setting(
        "REDIS_URL",
        help="Redis or Valkey: a server, `redis+cluster://a,b` or `redis+sentinel://a,b/service`. Optional: without it "
        "leaderboards come from Postgres and may be minutes old.",
        check=check_redis,
    )
    prefix: str = setting(
        "REDIS_PREFIX",
        default="",
        help="Begins the names of all keys in Redis. All processes on one database must have the same.",
    )


@dataclass(frozen=True, kw_only=True)
class CatalogueSettings:
    """The definitions of challenges and goals."""

    path: Path = setting("CATALOGUE", help="The catalogue: a YAML or JSON file, or a folder of them.")


@dataclass(frozen=True, kw_only=True)
class TelemetrySettings:
    """The collector that metrics and traces are sent to, besides the Prometheus port."""

    otlp_endpoint: SecretAddress | None = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        help="OpenTelemetry collector (OTLP over gRPC, such as http://localhost:4317). Not set: nothing is sent.",
        check=check_collector,
    )
    trace_sample_ratio: float = setting(
        "TRACE_SAMPLE_RATIO",
        default=0.01,
        unit="share of calls",
        minimum=0,
        maximum=1,
        help="Share of calls that are traced, of those without a `traceparent` header.",
    )


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """Listening, logging and stopping."""

    bind_address: str = setting(
        "BIND_ADDRESS", default="127.0.0.1", help="Address that all ports are opened on. `*`: all IPv4 addresses."
    )
    metrics_bind_address: str | None = setting(
        "METRICS_BIND_ADDRESS", help="Address that the metrics port is opened on. Not set: `BIND_ADDRESS`."
    )
    grace_s: float = setting(
        "GRACE_S",
        default=5.0,
        unit="seconds",
        minimum=0,
        maximum=600,
        help="Time that running calls get to end after SIGTERM.",
    )
    drain_s: float = setting(
        "DRAIN_S",
        default=0.0,
        unit="seconds",
        minimum=0,
        maximum=600,
        help="Time after SIGTERM in which health is NOT_SERVING and calls are still taken, before `GRACE_S` begins.",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        default="INFO",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
        help="Lowest level that is logged. DEBUG also shows player ids.",
    )


@dataclass(frozen=True, kw_only=True)
class DevelopmentSettings:
    """Tools for whoever develops a game, which no deployment may have."""

    clock: bool = setting(
        "DEVELOPMENT_CLOCK",
        default=False,
        help="Let calls carry the instant that is now for them. Refused beyond the loopback interface.",
    )


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """The ports and size of one service; nest it with `prefixed("CHALLENGE_", port=…, metrics_port=…, threads=…)`."""

    port: int = setting("PORT", minimum=0, maximum=PORT_MAX, help="Port for gRPC. 0: any free one.")
    metrics_port: int = setting(
        "METRICS_PORT", minimum=0, maximum=PORT_MAX, help="Port for Prometheus metrics over HTTP. 0: any free one."
    )
    health_port: int | None = setting(
        "HEALTH_PORT",
        minimum=0,
        maximum=PORT_MAX,
        help="Port for `/livez` and `/readyz` over HTTP. 0: any free one. Not set: gRPC health only, on `PORT`.",
    )
    workers: int = setting(
        "WORKERS", default=1, unit="processes", minimum=1, maximum=256, help="Processes that share the port."
    )
    threads: int = setting(
        "THREADS",
        default=32,
        unit="calls",
        minimum=1,
        maximum=1_000,
        help="Calls that each worker processes at once. More wait for up to 0.15 s and then get RESOURCE_EXHAUSTED.",
    )
    body_timeout_s: float = setting(
        "BODY_TIMEOUT_S",
        default=5.0,
        unit="seconds",
        minimum=0.1,
        maximum=600,
        help="Time in which the request of a call must arrive after its headers. Then it gets DEADLINE_EXCEEDED.",
    )
    connections_max: int = setting(
        "CONNECTIONS_MAX",
        default=5_000,
        unit="connections",
        minimum=100,
        maximum=1_000_000,
        help="Connections to the gRPC port of each worker. Of more, the ones that are silent the longest are ended.",
    )
    streams_per_connection: int = setting(
        "STREAMS_PER_CONNECTION",
        default=1_000,
        unit="calls",
        minimum=1,
        maximum=100_000,
        help="Calls at once on one connection, at least as many as threads. Callers' libraries hold back the rest.",
    )
    connection_age_s: int = setting(
        "CONNECTION_AGE_S",
        default=1_800,
        unit="seconds",
        minimum=1,
        maximum=1_000_000,
        help="Age after which a connection is closed, varied by a tenth. Its calls get a minute to end.",
    )


@dataclass(frozen=True)
class Connections:
    """The connections that a number of workers keep and may keep, and the names of the settings that decide it."""

    workers: int
    pool_size: int
    maximum: int
    workers_setting: str
    pool_size_setting: str
    maximum_setting: str

    def require_allowed(self) -> None:
        """Raise `SettingsInvalid` if there are more than the settings allow."""
        if self.workers * self.pool_size > self.maximum:
            advice = f"lower {self.workers_setting} or {self.pool_size_setting}, or raise {self.maximum_setting}"
            raise SettingsInvalid([f"{self}: {advice} if PostgreSQL has as many to give"])

    def __str__(self) -> str:
        return (
            f"connections to PostgreSQL: {self.workers} x {self.pool_size} = {self.workers * self.pool_size:,}"
            f" ({self.workers_setting} x {self.pool_size_setting}), at most {self.maximum:,} ({self.maximum_setting})"
        )


def connections_of(settings: object, workers: int) -> Connections | None:
    """Return the connections of a service with these settings; None if it has no `DatabaseSettings` as `database`."""
    database = getattr(settings, "database", None)
    if not isinstance(database, DatabaseSettings):
        return None
    paths = ("server.workers", "database.pool_size", "database.connections_max")
    names = (variable_name(type(settings), path) for path in paths)
    return Connections(workers, database.pool_size, database.connections_max, *names)
