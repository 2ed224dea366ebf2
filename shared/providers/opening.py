"""Construction of providers from the settings, and the provider for development, which only logs."""

from __future__ import annotations

import logging

from shared.domain.grants import Delivery, Granted, Provider, Reply, Routes
from shared.domain.reward import RewardType
from shared.providers.game_service import GameServiceProvider
from shared.runtime.clock import Clock
from shared.runtime.file_watch import FileWatch
from shared.runtime.reward_settings import GRPC, LOG, WEBHOOK, RewardSettings, RouteSettings
from shared.runtime.start_refused import StartRefused
from shared.runtime.tls_material import TlsMaterial

log = logging.getLogger(__name__)


class LogOnlyProvider:
    """A provider that only writes to the log."""

    def grant(self, delivery: Delivery) -> Reply:
        """Log the grant and report it as granted."""
        reward = delivery.reward
        log.info(
            "grant logged, not delivered",
            extra={"grant_id": delivery.grant_id, "reward": f"{reward.quantity} {reward.type} {reward.id}"},
        )
        return Granted()

    def find(self, delivery: Delivery) -> Reply | None:  # noqa: ARG002 - the protocol's
        """Return None: nothing is remembered."""
        return None

    def close(self) -> None:
        """Do nothing."""


def named_routes(settings: RouteSettings) -> Routes:
    """Return the provider of each reward type, for a process that delivers nothing itself."""
    return {RewardType.ITEM: settings.item_provider, RewardType.WALLET: settings.wallet_provider}


def routes_of(settings: RewardSettings) -> Routes:
    """Return the provider of each reward type. Raise `StartRefused` if one is named but not configured."""
    routes = named_routes(settings)
    if WEBHOOK in routes.values() and not (settings.webhook_url and settings.webhook_secret):
        raise StartRefused("the provider webhook needs REWARD_WEBHOOK_URL and REWARD_WEBHOOK_SECRET")
    if GRPC in routes.values() and not settings.grpc_target:
        raise StartRefused("the provider grpc needs REWARD_GRPC_TARGET")
    return routes


def open_providers(
    settings: RewardSettings, clock: Clock, tls: FileWatch[TlsMaterial] | None = None
) -> dict[str, Provider]:
    """Return all configured providers by name, since one without a reward type may still have waiting grants.

    `tls` is for the provider `grpc`.
    """
    providers: dict[str, Provider] = {}
    if LOG in routes_of(settings).values():
        providers[LOG] = LogOnlyProvider()
    if settings.webhook_url and settings.webhook_secret:
        # The HTTP client takes a tenth of a start: it is loaded where it is used.
        from shared.providers.webhook import WebhookProvider

        providers[WEBHOOK] = WebhookProvider(
            settings.webhook_url.reveal(),
            settings.webhook_secret.reveal(),
            timeout_s=settings.timeout_s,
            connections=settings.concurrency,
            clock=clock,
        )
    if settings.grpc_target:
        providers[GRPC] = GameServiceProvider(settings.grpc_target, timeout_s=settings.timeout_s, tls=tls)
    return providers
