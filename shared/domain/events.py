"""Events and their outcomes."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import NamedTuple

from shared.domain.goal import Stat
from shared.domain.instant import DAY, Day, Instant

CONTROL_ID = "\x01control"
"""Player and event id of control events, whose transaction is rolled back. The edge refuses control characters, so no
caller can send it."""


class Event(NamedTuple):
    """An accepted event: well-formed, in the acceptance window, and wanted by the catalogue.

    Player, id and day identify it, so a redelivery must carry the same time.
    """

    event_id: str
    user_id: str
    time: Instant
    stat: Stat
    delta: int | None = None
    """0 to `AMOUNT_MAX`."""
    value: int | None = None
    """-`AMOUNT_MAX` to `AMOUNT_MAX`."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Keys and values, sorted; of an accepted event those that decide which derived stats it moves."""

    @property
    def day(self) -> Day:
        """The UTC day of the event's time, whenever the event arrives."""
        return self.time // DAY


class Verdict(IntEnum):
    """The result of an event; the contract explains each."""

    APPLIED = auto()
    DUPLICATE = auto()
    NO_MATCHING_GOAL = auto()
    TOO_OLD = auto()
    INVALID = auto()


class CompletionKey(NamedTuple):
    """The key of a completion. Transactions lock completions in key order."""

    user_id: str
    goal_id: str
    period_start: Instant
    occurrence: int


class Outcome(NamedTuple):
    """The result of one event, with the completions it caused."""

    verdict: Verdict
    completions: tuple[CompletionKey, ...] = ()
    """The completions the event caused; each is reported once across all handlers."""
    reason: str = ""
    """The faulty field and the reason, for INVALID and TOO_OLD."""
    credited_until: Instant | None = None
    """The earliest end of the periods that the event counts for; None if it counts for the lifetime alone."""
