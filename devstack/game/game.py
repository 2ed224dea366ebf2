"""The game behind both of its doors: what it does with an attempt to deliver a reward."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from devstack.game.books import Books, Gift, Outcome
from devstack.game.mood import Deed, Mood

SILENCE_S = 120.0
"""Longer than anybody waits for an answer."""
ATTEMPTS_KEPT = 100_000

Wait: TypeAlias = Callable[[float], object]
"""Wait for so many seconds, or until the caller is gone."""


class Attempt(NamedTuple):
    """Somebody asked."""

    grant_id: str
    number: int
    """The caller's count, from 1."""
    time: float
    """Monotonic, in seconds."""
    deed: Deed


class Failed(NamedTuple):
    """The answer is an error."""

    retry_after_s: int
    """0: it asks for nothing."""


class Garbled:
    """The answer is none that can be read."""


Reply: TypeAlias = Outcome | Failed | Garbled | None
"""None: there is no answer."""


class Game:
    """Gives each grant once. Safe to use from any number of threads."""

    def __init__(self, books: Books, mood: Mood, chance: random.Random) -> None:
        self.books = books
        self.mood = mood
        """May be set at any time; counts for attempts that come after."""
        self._chance = chance
        self._attempts: deque[Attempt] = deque(maxlen=ATTEMPTS_KEPT)
        self._lock = threading.Lock()

    def attempts(self) -> list[Attempt]:
        """The last `ATTEMPTS_KEPT` attempts, in order."""
        with self._lock:
            return list(self._attempts)

    def grant(self, gift: Gift, number: int, wait: Wait) -> Reply:
        """Deal with an attempt as the mood is now. Work goes on where a caller is gone, as it does in any game."""
        with self._lock:
            mood, deed = self.mood, self.mood.deed(self._chance.random())
            self._attempts.append(Attempt(gift.grant_id, number, time.monotonic(), deed))
        if mood.delay_s:
            wait(mood.delay_s)
        if deed is Deed.FAIL:
            return Failed(mood.retry_after_s)
        outcome = self.books.settle(gift, mood.reason if deed is Deed.REFUSE else None)
        if deed is Deed.KEEP_SILENT:
            wait(SILENCE_S)
            return None
        return Garbled() if deed is Deed.TALK_NONSENSE else outcome
