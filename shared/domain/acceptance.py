"""Acceptance of events, judged once on arrival: an event must be well-formed, in the acceptance window, and wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from shared.domain.catalogue import Catalogue
from shared.domain.clock_comparison import Now
from shared.domain.errors import ClocksDiffer
from shared.domain.events import Event, Outcome, Verdict
from shared.domain.goal import AMOUNT_MAX, Source
from shared.domain.instant import HOUR, SECOND, Instant, Microseconds

EVENT_ID_LENGTH_MAX = 64
ID_LENGTH_MAX = 128
ATTRIBUTES_MAX = 16
"""Maximum number of attributes of an event."""

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_NO_MATCHING_GOAL = Outcome(Verdict.NO_MATCHING_GOAL)


class AcceptanceWindow(NamedTuple):
    """The accepted event times, relative to now."""

    horizon: Microseconds = 72 * HOUR
    """Oldest accepted event, in microseconds before now; the ledger keeps event ids at least as long."""
    skew: Microseconds = 300 * SECOND
    """Newest accepted event, in microseconds after now, because callers' clocks differ."""


def id_problem(text: str, length_max: int = ID_LENGTH_MAX) -> str | None:
    """Return what is wrong with an id, or None. Ids have 1 to `length_max` characters and no control characters."""
    if not text:
        return "is required"
    if len(text) > length_max:
        return f"is longer than {length_max} characters"
    if _CONTROL_CHARACTER.search(text):
        return "contains a control character"
    return None


def attributes_problem(attributes: Mapping[str, str]) -> str | None:
    """Return what is wrong with the attributes of an event, or None. Keys and values are bounded like ids."""
    if len(attributes) > ATTRIBUTES_MAX:
        return f"attributes: has {len(attributes):,} items, not up to {ATTRIBUTES_MAX}"
    for key, value in attributes.items():
        problem = _known_problem(key)
        if problem is not None:
            return f"attributes: the key {key[:ID_LENGTH_MAX]!a} {problem}"
        problem = _known_problem(value)
        if problem is not None:
            return f"attributes[{key!a}]: {problem}"
    return None


def _known_problem(text: str) -> str | None:
    # A cache holds what it was asked for, so only texts of a valid length are remembered.
    return _remembered_problem(text) if len(text) <= ID_LENGTH_MAX else id_problem(text)


# Most attributes are of few keys and values.
_remembered_problem = lru_cache(maxsize=16_384)(id_problem)


def judge(event: Event, catalogue: Catalogue, window: AcceptanceWindow, now: Now) -> Outcome | None:
    """Return the outcome of an event that is not accepted, or None if it is accepted.

    Raise `ClocksDiffer` if the event is too early or too late by one clock and not by the other, or if there is only
    one clock to judge by: a verdict is final, and callers throw the event away.
    """
    problem = _problem(event)
    if problem is not None:
        return Outcome(Verdict.INVALID, reason=problem)
    if not now.latest - window.horizon <= event.time <= now.earliest + window.skew:
        return _time_verdict(event.time, window, now)
    if event.stat not in catalogue.wanted:
        return _NO_MATCHING_GOAL
    return None


def _time_verdict(time: Instant, window: AcceptanceWindow, now: Now) -> Outcome:
    if now.confirmed and time > now.latest + window.skew:
        return Outcome(Verdict.INVALID, reason=f"event_time: is more than {window.skew // SECOND} seconds ahead")
    if now.confirmed and time < now.earliest - window.horizon:
        return Outcome(Verdict.TOO_OLD, reason=f"event_time: is more than {window.horizon // HOUR} hours ago")
    raise ClocksDiffer


def _problem(event: Event) -> str | None:
    problem = id_problem(event.event_id, EVENT_ID_LENGTH_MAX)
    if problem is not None:
        return f"event_id: {problem}"
    problem = id_problem(event.user_id)
    if problem is not None:
        return f"user_id: {problem}"
    return _stat_problem(event) if event.stat.source is Source.STAT else None


def _stat_problem(event: Event) -> str | None:
    """Return what is wrong with a stat event; None if nothing is."""
    problem = id_problem(event.stat.code)
    if problem is not None:
        return f"stat_updated.stat_code: {problem}"
    if event.delta is None and event.value is None:
        return "stat_updated: delta or value is required"
    if event.delta is not None and not 0 <= event.delta <= AMOUNT_MAX:
        return "stat_updated.delta: is not between 0 and 2^40"
    if event.value is not None and not -AMOUNT_MAX <= event.value <= AMOUNT_MAX:
        return "stat_updated.value: is not between -2^40 and 2^40"
    return None
