"""The provider for development: it writes a line to the log, and every reward counts as granted."""

from __future__ import annotations

import logging

from shared.domain.grants import Answer, Delivery, Granted

log = logging.getLogger(__name__)


class LogOnlyProvider:
    """Gives nothing to anybody."""

    def grant(self, delivery: Delivery) -> Answer:
        """Log the grant."""
        reward = delivery.reward
        log.info(
            "granted, by this line alone",
            extra={"grant_id": delivery.grant_id, "reward": f"{reward.quantity} {reward.type} {reward.id}"},
        )
        return Granted()

    def find(self, delivery: Delivery) -> Answer | None:  # noqa: ARG002 - the protocol's
        """It remembers nothing."""
        return None

    def close(self) -> None:
        """It holds nothing."""
