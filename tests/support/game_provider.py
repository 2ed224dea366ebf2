"""A reward provider in memory. Its ledger says which grants reached players."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from shared.domain.grants import Delivery, Granted, Reply, TryAgain

Behaviour = Callable[[Delivery], Reply | None]
"""Returns the reply to give instead of granting; None to grant."""


class GameProvider:
    """A provider that grants each `grant_id` once, unless `behaviour` returns another reply."""

    def __init__(self, behaviour: Behaviour = lambda _: None, *, remembers: bool = False) -> None:
        self.behaviour = behaviour
        self.ledger: dict[str, Delivery] = {}
        """Grants that reached players, by id."""
        self.asked: list[Delivery] = []
        """All attempts, in order of arrival."""
        self.under_way = self.most_under_way = 0
        self._remembers = remembers
        self._lock = threading.Lock()

    def grant(self, delivery: Delivery) -> Reply:
        with self._lock:
            self.asked.append(delivery)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            reply = self.behaviour(delivery)
            return self.give(delivery) if reply is None else reply
        finally:
            with self._lock:
                self.under_way -= 1

    def give(self, delivery: Delivery) -> Reply:
        """Enter the grant into the ledger, whatever the provider replies then."""
        with self._lock:
            self.ledger.setdefault(delivery.grant_id, delivery)
        return Granted()

    def find(self, delivery: Delivery) -> Reply | None:
        if not self._remembers:
            return None
        return Granted() if delivery.grant_id in self.ledger else TryAgain("unknown grant")

    def close(self) -> None:
        """Do nothing."""

    def grants_by_completion(self) -> Counter[tuple[str, str]]:
        """Return the number of grants by player and goal."""
        return Counter((delivery.key.user_id, delivery.key.goal_id) for delivery in self.ledger.values())
