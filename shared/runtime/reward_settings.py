"""How rewards reach players: which provider brings which, and within which bounds."""

from __future__ import annotations

from dataclasses import dataclass

from shared.runtime.settings import setting

LOG, WEBHOOK, GRPC, NONE = "log", "webhook", "grpc", "none"
PROVIDERS = (NONE, LOG, WEBHOOK, GRPC)


@dataclass(frozen=True, kw_only=True)
class RewardSettings:
    """Providers of rewards. A claim decides who delivers it, so claims and dispatchers are told the same."""

    item_provider: str = setting(
        "REWARD_ITEM_PROVIDER",
        default=NONE,
        choices=PROVIDERS,
        help="Who delivers items. `none`: their grants wait; `log`: a line in the log is all that is given.",
    )
    wallet_provider: str = setting(
        "REWARD_WALLET_PROVIDER", default=NONE, choices=PROVIDERS, help="Who delivers currency; as for items."
    )
    webhook_url: str | None = setting("REWARD_WEBHOOK_URL", help="Where the provider `webhook` sends grants by POST.")
    webhook_secret: str | None = setting(
        "REWARD_WEBHOOK_SECRET", secret=True, help="Key of the signature that every call of the webhook carries."
    )
    grpc_target: str | None = setting(
        "REWARD_GRPC_TARGET", help="Where the provider `grpc` is: a host and port that serves `challenge.reward.v1`."
    )
    dispatch: bool = setting(
        "REWARD_DISPATCH",
        default=True,
        help="Whether the challenge service delivers grants itself. Off: `python -m reward_dispatcher` does.",
    )
    timeout_s: float = setting(
        "REWARD_TIMEOUT_S",
        default=5.0,
        unit="seconds",
        minimum=0.1,
        maximum=60,
        help="How long a provider may take for an answer.",
    )
    concurrency: int = setting(
        "REWARD_CONCURRENCY",
        default=16,
        unit="calls",
        minimum=1,
        maximum=256,
        help="Calls to each provider at once, from each process.",
    )
    attempts_max: int = setting(
        "REWARD_ATTEMPTS_MAX",
        default=40,
        unit="attempts",
        minimum=1,
        maximum=1_000,
        help="Attempts after which a grant is DEAD. 40 last for two hours and more.",
    )
