"""The settings of the challenge service."""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.caller_settings import CallerSettings
from shared.runtime.reward_settings import RewardSettings
from shared.runtime.settings import prefixed, setting
from shared.runtime.settings_groups import (
    CatalogueSettings,
    DatabaseSettings,
    DevelopmentSettings,
    ProcessSettings,
    RedisSettings,
    ServerSettings,
    StandbySettings,
    TelemetrySettings,
)
from shared.runtime.tls_settings import TlsSettings


@dataclass(frozen=True, kw_only=True)
class PlayerSettings:
    """Limits of what players may change."""

    time_zone_interval_d: int = setting(
        "TIME_ZONE_INTERVAL_D",
        default=7,
        unit="days",
        minimum=1,
        maximum=365,
        help="Shortest time between two changes of a player's time zone. With 7 days, changing it gains a player at "
        "most one daily period in fourteen.",
    )


@dataclass(frozen=True, kw_only=True)
class ChallengeSettings:
    """All settings of the challenge service."""

    server: ServerSettings = prefixed("CHALLENGE_", port=50051, metrics_port=9101)
    tls: TlsSettings
    callers: CallerSettings
    catalogue: CatalogueSettings
    database: DatabaseSettings
    standby: StandbySettings
    redis: RedisSettings
    rewards: RewardSettings
    players: PlayerSettings
    process: ProcessSettings
    development: DevelopmentSettings
    telemetry: TelemetrySettings
