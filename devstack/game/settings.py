"""Settings of the game."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.runtime.settings import setting

PUBLIC_SECRET = "the game's secret, known to everybody"  # noqa: S105 - guards nothing


@dataclass(frozen=True, kw_only=True)
class GameSettings:
    """All settings of the game."""

    grpc_port: int = setting("GAME_GRPC_PORT", default=50_055, minimum=0, maximum=65_535, help="Port for gRPC.")
    http_port: int = setting("GAME_HTTP_PORT", default=8_055, minimum=0, maximum=65_535, help="Port for HTTP.")
    secret: str = setting("GAME_SECRET", default=PUBLIC_SECRET, help="Key of the webhook's signature.")
    grant_log: Path | None = setting("GAME_GRANT_LOG", help="File in which the grant log is kept. Not set: in memory.")
    faults: str = setting("GAME_FAULTS", default="{}", help="The faults at the start, as JSON: docs/devstack.md.")
    bind_address: str = setting("BIND_ADDRESS", default="127.0.0.1", help="Address that both ports are opened on.")
