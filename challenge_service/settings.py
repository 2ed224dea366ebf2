"""The settings of the challenge service."""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.reward_settings import RewardSettings
from shared.runtime.settings import prefixed
from shared.runtime.settings_groups import (
    CatalogueSettings,
    DatabaseSettings,
    ProcessSettings,
    RedisSettings,
    ServerSettings,
    TelemetrySettings,
)


@dataclass(frozen=True, kw_only=True)
class ChallengeSettings:
    """All settings of the challenge service."""

    server: ServerSettings = prefixed("CHALLENGE_", port=50051, metrics_port=9101)
    catalogue: CatalogueSettings
    database: DatabaseSettings
    redis: RedisSettings
    rewards: RewardSettings
    process: ProcessSettings
    telemetry: TelemetrySettings
