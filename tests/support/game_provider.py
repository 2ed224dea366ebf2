"""A reward provider of a game, in memory: it keeps its own ledger, which is the judge of what was granted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from shared.domain.grants import Answer, Delivery, Granted, TryAgain

Behaviour = Callable[[Delivery], Answer | None]
"""Answers in place of granting; None: grant as usual."""


class GameProvider:
    """Grants each `grant_id` once, however often it is asked, unless `behaviour` answers first."""

    def __init__(self, behaviour: Behaviour = lambda _: None, *, remembers: bool = False) -> None:
        self.behaviour = behaviour
        self.ledger: dict[str, Delivery] = {}
        """What reached players."""
        self.asked: list[Delivery] = []
        """Every attempt, in the order in which they came."""
        self.under_way = self.most_under_way = 0
        self._remembers = remembers
        self._lock = threading.Lock()

    def grant(self, delivery: Delivery) -> Answer:
        with self._lock:
            self.asked.append(delivery)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            answer = self.behaviour(delivery)
            return self.give(delivery) if answer is None else answer
        finally:
            with self._lock:
                self.under_way -= 1

    def give(self, delivery: Delivery) -> Answer:
        """The player has it, whatever is answered then."""
        with self._lock:
            self.ledger.setdefault(delivery.grant_id, delivery)
        return Granted()

    def find(self, delivery: Delivery) -> Answer | None:
        if not self._remembers:
            return None
        return Granted() if delivery.grant_id in self.ledger else TryAgain("never heard of it")

    def close(self) -> None:
        """It holds nothing."""

    def grants_by_completion(self) -> Counter[tuple[str, str]]:
        """How many grants each player got for each goal."""
        return Counter((delivery.key.user_id, delivery.key.goal_id) for delivery in self.ledger.values())
