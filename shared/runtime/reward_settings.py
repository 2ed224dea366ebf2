"""Settings of reward delivery: the provider of each type of reward, and its bounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.runtime.address_checks import check_target, check_webhook
from shared.runtime.secret import Secret, SecretAddress
from shared.runtime.settings import setting

LOG, WEBHOOK, GRPC, NONE = "log", "webhook", "grpc", "none"
PROVIDERS = (NONE, LOG, WEBHOOK, GRPC)


@dataclass(frozen=True, kw_only=True)
class RouteSettings:
    """The provider of each type of reward. A claim decides who delivers it, so all who claim have the same settings."""

    item_provider: str = setting(
        "REWARD_ITEM_PROVIDER",
        default=NONE,
        choices=PROVIDERS,
        help="Provider of items. `none`: their grants wait; `log`: a grant is only a line in the log.",
    )
    wallet_provider: str = setting(
        "REWARD_WALLET_PROVIDER", default=NONE, choices=PROVIDERS, help="Provider of currency, as for items."
    )


@dataclass(frozen=True, kw_only=True)
class RewardSettings(RouteSettings):
    """The providers and the bounds of delivery, for those who claim and those who deliver."""

    webhook_url: SecretAddress | None = setting(
        "REWARD_WEBHOOK_URL", help="URL to which the provider `webhook` sends grants by POST.", check=check_webhook
    )
    webhook_secret: Secret | None = setting("REWARD_WEBHOOK_SECRET", help="Key that signs every call of the webhook.")
    grpc_target: str | None = setting(
        "REWARD_GRPC_TARGET",
        help="Host and port of the provider `grpc`, which serves `challenge.reward.v1`.",
        check=check_target,
    )
    grpc_tls: bool = setting("REWARD_GRPC_TLS", default=False, help="Use TLS on the channel to the provider `grpc`.")
    grpc_ca: Path | None = setting(
        "REWARD_GRPC_CA",
        help="PEM file with the authorities of the provider's certificate. Not set: the public ones that gRPC ships.",
    )
    grpc_certificate: Path | None = setting(
        "REWARD_GRPC_CERTIFICATE",
        help="PEM file with the certificate that the channel shows to the provider, for mutual TLS.",
    )
    grpc_private_key: Path | None = setting(
        "REWARD_GRPC_PRIVATE_KEY", help="PEM file with the private key of `REWARD_GRPC_CERTIFICATE`."
    )
    dispatch: bool = setting(
        "REWARD_DISPATCH",
        default=True,
        help="Let the challenge service deliver grants itself. Off: `python -m reward_dispatcher` does.",
    )
    timeout_s: float = setting(
        "REWARD_TIMEOUT_S",
        default=5.0,
        unit="seconds",
        minimum=0.1,
        maximum=60,
        help="Time limit for one call of a provider.",
    )
    concurrency: int = setting(
        "REWARD_CONCURRENCY",
        default=16,
        unit="calls",
        minimum=1,
        maximum=256,
        help="Concurrent calls to each provider from each process.",
    )
    attempts_max: int = setting(
        "REWARD_ATTEMPTS_MAX",
        default=40,
        unit="attempts",
        minimum=1,
        maximum=1_000,
        help="Attempts after which a grant is DEAD. 40 take more than two hours.",
    )
