"""The pause between attempts."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 0.1
"""The first pause in seconds: a handler that is replaced by another is away for about as long."""
LONGEST_S = 10.0
"""The longest pause in seconds, unless the handler asks for more."""
ASKED_MAX_S = 60.0
"""The longest pause in seconds that the handler may ask for."""


class Backoff:
    """Pauses that double with each failure in turn, with jitter, until an attempt succeeds."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        """`chance` returns numbers from 0 to 1."""
        self._chance = chance
        self._pause_s = 0.0
        self._until = 0.0

    @property
    def is_on(self) -> bool:
        """True from the first failure to the next success."""
        return self._pause_s > 0

    def waits(self, now: float) -> bool:
        """Return whether the next attempt has to wait; `now` is in monotonic seconds."""
        return now < self._until

    def failed(self, now: float, asked_s: float = 0.0) -> None:
        """Note a failure. Several attempts that fail together count as one."""
        if now >= self._until:
            self._pause_s = min(2 * self._pause_s, LONGEST_S) if self._pause_s else FIRST_S
            self._until = now + self._pause_s * (0.5 + 0.5 * self._chance())
        self._until = max(self._until, now + min(asked_s, ASKED_MAX_S))

    def succeeded(self) -> None:
        """Note a success."""
        self._pause_s = self._until = 0.0
