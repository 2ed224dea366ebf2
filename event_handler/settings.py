"""What the event handler is told by its environment."""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.settings import prefixed, setting
from shared.runtime.settings_groups import (
    CatalogueSettings,
    DatabaseSettings,
    ProcessSettings,
    RedisSettings,
    ServerSettings,
    TelemetrySettings,
)


@dataclass(frozen=True, kw_only=True)
class EventSettings:
    """Which events are taken in, and how many at a time."""

    buffer_events_max: int = setting(
        "EVENT_BUFFER_MAX",
        default=10_000,
        unit="events",
        minimum=1_000,
        maximum=1_000_000,
        help="Events that may wait for their commit in each worker. One more is answered RESOURCE_EXHAUSTED.",
    )
    streams: int = setting(
        "EVENT_STREAMS",
        default=32,
        unit="streams",
        minimum=1,
        maximum=1_000,
        help="Streams open at once in each worker. One more is answered RESOURCE_EXHAUSTED.",
    )
    horizon_h: int = setting(
        "EVENT_HORIZON_H",
        default=72,
        unit="hours",
        minimum=1,
        maximum=720,
        help="How old an event may be. So long, and a day more, the ledger remembers event ids.",
    )
    keep_content: bool = setting(
        "EVENT_KEEP_CONTENT",
        default=False,
        help="Whether the ledger keeps events whole, so that `python -m admin audit` can replay them.",
    )
    skew_s: int = setting(
        "EVENT_SKEW_S",
        default=300,
        unit="seconds",
        minimum=0,
        maximum=3_600,
        help="How far ahead of the handler's clock an event may be.",
    )


@dataclass(frozen=True, kw_only=True)
class EventHandlerSettings:
    """All settings of the event handler."""

    # More threads than the challenge service has: a call waits here for the commit that it shares, and costs no
    # processor time meanwhile. A disk that stalls for a moment fills few threads at once.
    server: ServerSettings = prefixed("EVENT_", port=50052, metrics_port=9102, threads=128)
    events: EventSettings
    catalogue: CatalogueSettings
    database: DatabaseSettings
    redis: RedisSettings
    process: ProcessSettings
    telemetry: TelemetrySettings
