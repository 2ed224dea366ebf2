"""What the game has given to its players: the judge of every test of delivery.

A grant has one outcome, however often it is asked for, also after a restart: it is stored before it is answered.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import NamedTuple

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
    """What became of a grant, for good."""

    gift: Gift
    refusal: RefusalReason | None
    """None: the player has it."""


class Books:
    """One outcome for each grant. Safe to use from any number of threads."""

    def __init__(self, path: Path | None = None) -> None:
        """`path` is where the books are kept, a line of JSON for each outcome; without it they end with the process."""
        self._lock = threading.Lock()
        self._outcomes: dict[str, Outcome] = {}
        self._file = None
        if path is not None:
            self._read(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8")

    def settle(self, gift: Gift, refusal: RefusalReason | None) -> Outcome:
        """Give the reward or refuse it, unless the grant has an outcome already; answers the one that counts."""
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
        """What became of a grant; None if nothing did."""
        with self._lock:
            return self._outcomes.get(grant_id)

    def given(self) -> list[Gift]:
        """What players have, in the order in which they got it."""
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
            # Killed in the middle of a line, and so before it was answered: it never happened.
            path.write_text(whole, encoding="utf-8")
        for line in whole.splitlines():
            entry = json.loads(line)
            refusal = entry.pop("refusal")
            gift = Gift(**entry)
            self._outcomes[gift.grant_id] = Outcome(gift, None if refusal is None else RefusalReason(refusal))
