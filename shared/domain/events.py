"""What players do, as values."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import NamedTuple

from shared.domain.catalogue import Stat
from shared.domain.instant import DAY, Day, Instant

CONTROL_ID = "\x01control"
"""Player and event id of what is only rehearsed. No caller can have it: control characters are refused at the edge."""


class Event(NamedTuple):
    """One accepted event: checked, within the accepted window, and wanted by the catalogue.

    It is identified by player, id and day, so a redelivery must carry the same time.
    """

    event_id: str
    user_id: str
    time: Instant
    stat: Stat
    delta: int | None = None
    """0 to `AMOUNT_MAX`."""
    value: int | None = None
    """-`AMOUNT_MAX` to `AMOUNT_MAX`."""

    @property
    def day(self) -> Day:
        """The UTC day that the event belongs to, whenever it arrives."""
        return self.time // DAY


class Verdict(IntEnum):
    """What became of an event; the contract explains each."""

    APPLIED = auto()
    DUPLICATE = auto()
    NO_MATCHING_GOAL = auto()
    TOO_OLD = auto()
    INVALID = auto()


class CompletionKey(NamedTuple):
    """One completion of one goal by one player. The order of keys is the order in which transactions lock them."""

    user_id: str
    goal_id: str
    period_start: Instant
    occurrence: int


class Outcome(NamedTuple):
    """What became of one event."""

    verdict: Verdict
    completions: tuple[CompletionKey, ...] = ()
    """What the event completed, named once across all handlers."""
    reason: str = ""
    """With INVALID and TOO_OLD: which field is at fault, and why."""
