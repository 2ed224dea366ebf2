"""The game behind both of its servers: it handles attempts to deliver a reward."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from devstack.game.books import Books, Gift, Outcome
from devstack.game.mood import Action, Mood

SILENCE_S = 120.0
"""Longer than any caller waits for a response."""
ATTEMPTS_KEPT = 100_000

Wait: TypeAlias = Callable[[float], object]
"""Waits for some seconds, or until the caller is gone."""


class Attempt(NamedTuple):
    """One attempt to deliver a reward."""

    grant_id: str
    number: int
    """The caller's count, from 1."""
    time: float
    """Monotonic, in seconds."""
    action: Action


class Failed(NamedTuple):
    """An error."""

    retry_after_s: int
    """0 for no request to wait."""


class Garbled:
    """A response that cannot be parsed."""


Reply: TypeAlias = Outcome | Failed | Garbled | None
"""None: no response."""


class Game:
    """Gives each grant once. Safe to use from any number of threads."""

    def __init__(self, books: Books, mood: Mood, chance: random.Random) -> None:
        self.books = books
        self.mood = mood
        """May be set at any time, for the attempts that follow."""
        self._chance = chance
        self._attempts: deque[Attempt] = deque(maxlen=ATTEMPTS_KEPT)
        self._lock = threading.Lock()

    def attempts(self) -> list[Attempt]:
        """Return the last `ATTEMPTS_KEPT` attempts in order."""
        with self._lock:
            return list(self._attempts)

    def grant(self, gift: Gift, number: int, wait: Wait) -> Reply:
        """Handle an attempt in the current mood. Work continues after the caller is gone, as in any game."""
        with self._lock:
            mood, action = self.mood, self.mood.action(self._chance.random())
            self._attempts.append(Attempt(gift.grant_id, number, time.monotonic(), action))
        if mood.delay_s:
            wait(mood.delay_s)
        if action is Action.FAIL:
            return Failed(mood.retry_after_s)
        outcome = self.books.settle(gift, mood.reason if action is Action.REFUSE else None)
        if action is Action.KEEP_SILENT:
            wait(SILENCE_S)
            return None
        return Garbled() if action is Action.TALK_NONSENSE else outcome
