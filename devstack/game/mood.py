"""How the game is disposed to those who deliver rewards: what goes wrong, and how often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from shared.domain.claims import RefusalReason

DELAY_MAX_S = 600.0


class Deed(Enum):
    """What the game does with an attempt."""

    GIVE = auto()
    REFUSE = auto()
    FAIL = auto()
    """It answers with an error and gives nothing."""
    KEEP_SILENT = auto()
    """It gives the reward and never answers: its caller times out, and must ask again."""
    TALK_NONSENSE = auto()
    """It gives the reward, and its answer cannot be read."""


class MoodInvalid(ValueError):
    """It is no mood; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Mood:
    """Shares are of attempts, 0 to 1, and together not more than 1; in all other cases the reward is given."""

    delay_s: float = 0.0
    """How long the game thinks before it does anything, in seconds."""
    errors: float = 0.0
    silence: float = 0.0
    nonsense: float = 0.0
    refusals: float = 0.0
    reason: RefusalReason = RefusalReason.INVENTORY_FULL
    """Of refusals."""
    retry_after_s: int = 0
    """What errors ask for, in seconds; 0: nothing."""

    def __post_init__(self) -> None:
        shares = (self.errors, self.silence, self.nonsense, self.refusals)
        if not (min(shares) >= 0 and sum(shares) <= 1):
            raise MoodInvalid("shares must be 0 to 1, and together not more than 1")
        if not (0 <= self.delay_s <= DELAY_MAX_S and 0 <= self.retry_after_s <= DELAY_MAX_S):
            raise MoodInvalid(f"delay_s and retry_after_s must be 0 to {DELAY_MAX_S:g}")

    def deed(self, draw: float) -> Deed:
        """What is done with an attempt; `draw` is at random, from 0 to less than 1."""
        for share, deed in (
            (self.errors, Deed.FAIL),
            (self.silence, Deed.KEEP_SILENT),
            (self.nonsense, Deed.TALK_NONSENSE),
            (self.refusals, Deed.REFUSE),
        ):
            if draw < share:
                return deed
            draw -= share
        return Deed.GIVE

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Mood:
        """The mood that differs from a good one in these fields. Raises `MoodInvalid`."""
        if unknown := values.keys() - _READERS.keys():
            raise MoodInvalid(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(_READERS)}")
        try:
            return cls(**{name: _READERS[name](value) for name, value in values.items()})
        except (TypeError, ValueError) as error:
            raise MoodInvalid(str(error)) from error


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "delay_s": float,
    "errors": float,
    "silence": float,
    "nonsense": float,
    "refusals": float,
    "reason": RefusalReason,
    "retry_after_s": int,
}
