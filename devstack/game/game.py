"""The game behind both of its servers: it handles attempts to deliver a reward, and keeps a log of what it has given.

Tests of delivery compare with this log. A grant has one outcome, however often it is requested, also after a restart:
it is stored before the response is sent.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from devstack.game.fault_plan import Action, FaultPlan
from shared.domain.claims import RefusalReason


class Gift(NamedTuple):
    """A reward for a player."""

    grant_id: str
    """The idempotency key."""
    user_id: str
    goal_id: str
    reward_type: str
    reward_id: str
    quantity: int


class Outcome(NamedTuple):
    """The final outcome of a grant."""

    gift: Gift
    refusal: RefusalReason | None
    """None: the player has the reward."""


class GrantLog:
    """One outcome for each grant. Safe to use from any number of threads."""

    def __init__(self, path: Path | None = None) -> None:
        """Keep the log in the file `path`, a line of JSON per outcome; without it in memory."""
        self._lock = threading.Lock()
        self._outcomes: dict[str, Outcome] = {}
        self._file = None
        if path is not None:
            self._read(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")

    def settle(self, gift: Gift, refusal: RefusalReason | None) -> Outcome:
        """Give or refuse the reward unless the grant has an outcome already; return the outcome that counts."""
        with self._lock:
            earlier = self._outcomes.get(gift.grant_id)
            if earlier is not None:
                return earlier
            outcome = self._outcomes[gift.grant_id] = Outcome(gift, refusal)
            if self._file is not None:
                self._file.write(json.dumps({**gift._asdict(), "refusal": refusal}) + "\n")
                self._file.flush()
            return outcome

    def find(self, grant_id: str) -> Outcome | None:
        """Return the outcome of a grant; None if it has none."""
        with self._lock:
            return self._outcomes.get(grant_id)

    def given(self) -> list[Gift]:
        """Return all rewards given, in order."""
        with self._lock:
            return [outcome.gift for outcome in self._outcomes.values() if outcome.refusal is None]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _read(self, path: Path) -> None:
        if not path.exists():
            return
        kept = path.read_text(encoding="utf-8")
        whole = kept[: kept.rfind("\n") + 1]
        if whole != kept:
            # The process was killed in the middle of a line, so before the response: the outcome never happened.
            path.write_text(whole, encoding="utf-8")
        for line in whole.splitlines():
            entry = json.loads(line)
            refusal = entry.pop("refusal")
            gift = Gift(**entry)
            self._outcomes[gift.grant_id] = Outcome(gift, None if refusal is None else RefusalReason(refusal))


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

    def __init__(self, grant_log: GrantLog, faults: FaultPlan, chance: random.Random) -> None:
        self.grant_log = grant_log
        self.faults = faults
        """May be set at any time, for the attempts that follow."""
        self._chance = chance
        self._attempts: deque[Attempt] = deque(maxlen=ATTEMPTS_KEPT)
        self._lock = threading.Lock()

    def attempts(self) -> list[Attempt]:
        """Return the last `ATTEMPTS_KEPT` attempts in order."""
        with self._lock:
            return list(self._attempts)

    def grant(self, gift: Gift, number: int, wait: Wait) -> Reply:
        """Handle an attempt with the current faults. Work continues after the caller is gone, as in any game."""
        with self._lock:
            faults, action = self.faults, self.faults.action(self._chance.random())
            self._attempts.append(Attempt(gift.grant_id, number, time.monotonic(), action))
        if faults.delay_s:
            wait(faults.delay_s)
        if action is Action.FAIL:
            return Failed(faults.retry_after_s)
        outcome = self.grant_log.settle(gift, faults.reason if action is Action.REFUSE else None)
        if action is Action.NO_RESPONSE:
            wait(SILENCE_S)
            return None
        return Garbled() if action is Action.GARBLED_RESPONSE else outcome
