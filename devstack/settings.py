"""Settings of the stack. The services read their own from the same variables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devstack.game.settings import GameSettings
from shared.runtime.development_clock import is_loopback
from shared.runtime.ports import Endpoint
from shared.runtime.settings import prefixed, setting

_ALL_ADDRESSES = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, not listened on

DEMO_CATALOGUE = Path("catalogues/demo.yaml")


@dataclass(frozen=True, kw_only=True)
class PortSettings:
    """The ports of one service."""

    port: int = setting("PORT", minimum=1, maximum=65_535, help="Port for gRPC.")
    metrics_port: int = setting("METRICS_PORT", minimum=1, maximum=65_535, help="Port for Prometheus metrics.")


@dataclass(frozen=True, kw_only=True)
class DevstackSettings:
    """The settings of `python -m devstack`."""

    directory: Path = setting("DEVSTACK_DIR", default=Path(".data"), help="Data and logs of the embedded servers.")
    catalogue: Path = setting("CATALOGUE", default=DEMO_CATALOGUE, help="The catalogue that both services load.")
    database_url: str | None = setting("DATABASE_URL", help="PostgreSQL to use. Not set: an embedded one.")
    redis_url: str | None = setting("REDIS_URL", help="Redis or Valkey to use. Not set: an embedded Valkey.")
    bind_address: str = setting("BIND_ADDRESS", default="127.0.0.1", help="Address that all ports are opened on.")
    development_clock: bool | None = setting(
        "DEVELOPMENT_CLOCK",
        help="Let calls carry their instant. Not set: if BIND_ADDRESS is a loopback address.",
    )
    grace_s: float = setting("GRACE_S", default=5.0, unit="seconds", minimum=0, help="Time for a service to drain.")
    item_provider: str = setting("REWARD_ITEM_PROVIDER", default="log", help="The provider of items.")
    wallet_provider: str = setting("REWARD_WALLET_PROVIDER", default="log", help="The provider of currency.")
    grpc_target: str | None = setting("REWARD_GRPC_TARGET", help="The provider `grpc`. Not set: the stack's game.")
    webhook_url: str | None = setting("REWARD_WEBHOOK_URL", help="The provider `webhook`. Not set: the stack's game.")
    source: str | None = setting(
        "SOURCE", choices=("nats",), help="Start this broker and an event source that reads it. Not set: neither."
    )
    source_mapping: Path | None = setting("SOURCE_MAPPING", help="Its mapping. Not set: one for the demo catalogue.")
    source_ports: PortSettings = prefixed("SOURCE_", port=50_054, metrics_port=9_104)
    game: GameSettings
    challenge: PortSettings = prefixed("CHALLENGE_", port=50_051, metrics_port=9_101)
    event: PortSettings = prefixed("EVENT_", port=50_052, metrics_port=9_102)

    @property
    def reach_at(self) -> str:
        """The address at which the services can be called."""
        return "127.0.0.1" if self.bind_address in _ALL_ADDRESSES else self.bind_address

    @property
    def callers_set_time(self) -> bool:
        """True if calls may carry the instant that is now for them. Services refuse that beyond loopback."""
        return is_loopback(self.bind_address) if self.development_clock is None else self.development_clock

    @property
    def needs_game(self) -> bool:
        """True if a provider is used without an address: the stack's own game stands in for it."""
        providers = {self.item_provider, self.wallet_provider}
        return ("grpc" in providers and not self.grpc_target) or ("webhook" in providers and not self.webhook_url)

    @property
    def game_url(self) -> str:
        """The address of the stack's game for people."""
        return f"http://{self.reach_at}:{self.game.http_port}"

    def for_services(self) -> dict[str, str]:
        """Return the variables that make the services listen where this stack expects them, and find its game."""
        return {
            **(self._for_deliveries() if self.needs_game else {}),
            "CATALOGUE": str(self.catalogue),
            "BIND_ADDRESS": self.bind_address,
            "DEVELOPMENT_CLOCK": str(self.callers_set_time).lower(),
            # The stack and its printed commands speak plaintext.
            **dict.fromkeys(("TLS_CERTIFICATE", "TLS_PRIVATE_KEY", "TLS_CLIENT_CA"), ""),
            "REWARD_ITEM_PROVIDER": self.item_provider,
            "REWARD_WALLET_PROVIDER": self.wallet_provider,
            **{endpoint.setting: str(endpoint.port) for endpoint in self.endpoints()},
        }

    def _for_deliveries(self) -> dict[str, str]:
        variables = {}
        if not self.grpc_target:
            variables["REWARD_GRPC_TARGET"] = f"{self.reach_at}:{self.game.grpc_port}"
        if not self.webhook_url:
            variables["REWARD_WEBHOOK_URL"] = f"{self.game_url}/grants"
            variables["REWARD_WEBHOOK_SECRET"] = self.game.secret
        return variables

    def all_endpoints(self) -> Iterator[Endpoint]:
        """Yield every port that will be opened, with the setting that changes it."""
        yield from self.endpoints()
        if self.needs_game:
            yield Endpoint(self.bind_address, self.game.grpc_port, "GAME_GRPC_PORT")
            yield Endpoint(self.bind_address, self.game.http_port, "GAME_HTTP_PORT")

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield every port that the services will open, with the setting that changes it."""
        source = [("SOURCE_", self.source_ports)] if self.source else []
        for prefix, ports in (("CHALLENGE_", self.challenge), ("EVENT_", self.event), *source):
            yield Endpoint(self.bind_address, ports.port, f"{prefix}PORT")
            yield Endpoint(self.bind_address, ports.metrics_port, f"{prefix}METRICS_PORT")
