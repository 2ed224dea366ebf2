"""The provider for development: it logs every grant and delivers nothing."""

from __future__ import annotations

import logging

from shared.domain.grants import Answer, Delivery, Granted

log = logging.getLogger(__name__)


class LogOnlyProvider:
    """A provider that only writes to the log."""

    def grant(self, delivery: Delivery) -> Answer:
        """Log the grant and report it as granted."""
        reward = delivery.reward
        log.info(
            "grant logged, not delivered",
            extra={"grant_id": delivery.grant_id, "reward": f"{reward.quantity} {reward.type} {reward.id}"},
        )
        return Granted()

    def find(self, delivery: Delivery) -> Answer | None:  # noqa: ARG002 - the protocol's
        """Return None: nothing is remembered."""
        return None

    def close(self) -> None:
        """Do nothing."""
