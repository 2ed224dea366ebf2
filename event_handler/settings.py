"""Settings of the event handler."""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.reward_settings import RouteSettings
from shared.runtime.settings import prefixed, setting
from shared.runtime.settings_groups import (
    CatalogueSettings,
    DatabaseSettings,
    DevelopmentSettings,
    ProcessSettings,
    RedisSettings,
    ServerSettings,
    TelemetrySettings,
)


@dataclass(frozen=True, kw_only=True)
class EventSettings:
    """Which events are accepted, and how many at a time."""

    buffer_events_max: int = setting(
        "EVENT_BUFFER_MAX",
        default=10_000,
        unit="events",
        minimum=1_000,
        maximum=1_000_000,
        help="Events that may wait for their commit in each worker. Any more get RESOURCE_EXHAUSTED.",
    )
    streams: int = setting(
        "EVENT_STREAMS",
        default=32,
        unit="streams",
        minimum=1,
        maximum=1_000,
        help="Open streams in each worker. Any more wait until an idle one is ended, or get RESOURCE_EXHAUSTED.",
    )
    batch_body_timeout_s: float = setting(
        "EVENT_BATCH_BODY_TIMEOUT_S",
        default=15.0,
        unit="seconds",
        minimum=0.1,
        maximum=600,
        help="Time in which the request of `ReportEvents` must arrive, instead of `EVENT_BODY_TIMEOUT_S`.",
    )
    horizon_h: int = setting(
        "EVENT_HORIZON_H",
        default=72,
        unit="hours",
        minimum=1,
        maximum=720,
        help="Oldest accepted event. Ids are kept one day longer.",
    )
    keep_content: bool = setting(
        "EVENT_KEEP_CONTENT",
        default=False,
        help="Whether the ledger keeps whole events, so that `python -m admin audit` can replay them.",
    )
    skew_s: int = setting(
        "EVENT_SKEW_S",
        default=300,
        unit="seconds",
        minimum=0,
        maximum=3_600,
        help="How far ahead of the handler's clock the time of an event may be.",
    )


@dataclass(frozen=True, kw_only=True)
class EventHandlerSettings:
    """All settings of the event handler."""

    # More threads than the challenge service has: a call waits here for the commit that it shares, without using CPU.
    # A disk that stalls for a moment fills only a few of the threads.
    server: ServerSettings = prefixed("EVENT_", port=50052, metrics_port=9102, threads=128)
    events: EventSettings
    routes: RouteSettings
    catalogue: CatalogueSettings
    database: DatabaseSettings
    redis: RedisSettings
    process: ProcessSettings
    development: DevelopmentSettings
    telemetry: TelemetrySettings
