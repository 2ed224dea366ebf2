"""Settings of the stack. The services read their own from the same variables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.runtime.ports import Endpoint
from shared.runtime.settings import prefixed, setting

DEMO_CATALOGUE = Path("catalogues/demo.yaml")


@dataclass(frozen=True, kw_only=True)
class PortSettings:
    """Where one service listens."""

    port: int = setting("PORT", minimum=1, maximum=65_535, help="Port for gRPC.")
    metrics_port: int = setting("METRICS_PORT", minimum=1, maximum=65_535, help="Port for Prometheus metrics.")


@dataclass(frozen=True, kw_only=True)
class DevstackSettings:
    """What `python -m devstack` reads from the environment."""

    directory: Path = setting("DEVSTACK_DIR", default=Path(".data"), help="Data and logs of the embedded servers.")
    catalogue: Path = setting("CATALOGUE", default=DEMO_CATALOGUE, help="The catalogue that both services load.")
    database_url: str | None = setting("DATABASE_URL", help="PostgreSQL to use. Not set: an embedded one.")
    redis_url: str | None = setting("REDIS_URL", help="Redis or Valkey to use. Not set: an embedded Valkey.")
    bind_address: str = setting("BIND_ADDRESS", default="127.0.0.1", help="Address that all ports are opened on.")
    grace_s: float = setting("GRACE_S", default=5.0, unit="seconds", minimum=0, help="How long a service may drain.")
    challenge: PortSettings = prefixed("CHALLENGE_", port=50_051, metrics_port=9_101)
    event: PortSettings = prefixed("EVENT_", port=50_052, metrics_port=9_102)

    def endpoints(self) -> Iterator[Endpoint]:
        """Every port that the services will open, with the setting that moves it."""
        for prefix, ports in (("CHALLENGE_", self.challenge), ("EVENT_", self.event)):
            yield Endpoint(self.bind_address, ports.port, f"{prefix}PORT")
            yield Endpoint(self.bind_address, ports.metrics_port, f"{prefix}METRICS_PORT")
