"""Settings of the reward dispatcher."""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.reward_settings import RewardSettings
from shared.runtime.settings import prefixed
from shared.runtime.settings_groups import DatabaseSettings, ProcessSettings, ServerSettings, TelemetrySettings
from shared.runtime.tls_settings import TlsSettings


@dataclass(frozen=True, kw_only=True)
class DispatcherSettings:
    """All settings of the reward dispatcher."""

    server: ServerSettings = prefixed("DISPATCHER_", port=50053, metrics_port=9103, threads=2)
    tls: TlsSettings
    rewards: RewardSettings
    database: DatabaseSettings
    process: ProcessSettings
    telemetry: TelemetrySettings
