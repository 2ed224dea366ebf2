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
    """Limits of what players may change, and of what is kept for them."""

    time_zone_interval_d: int = setting(
        "TIME_ZONE_INTERVAL_D",
        default=7,
        unit="days",
        minimum=1,
        maximum=365,
        help="Shortest time between two changes of a player's time zone. With 7 days, changing it gains a player at "
        "most one daily period in fourteen.",
    )
    kept_lists_mib: int = setting(
        "KEPT_LISTS_MIB",
        default=8,
        unit="MiB",
        minimum=0,
        maximum=65_536,
        help="Memory of each worker for encoded lists of challenges that were made twice from the same stored data. A "
        "list of 500 goals takes 0.06 to 0.1 MiB.",
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
