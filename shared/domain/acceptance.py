"""Whether an event is taken in: well-formed, within the accepted window, and wanted. Judged once, when it arrives."""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.domain.catalogue import AMOUNT_MAX, Catalogue, Source
from shared.domain.events import Event, Outcome, Verdict
from shared.domain.instant import HOUR, SECOND, Instant

EVENT_ID_LENGTH_MAX = 64
ID_LENGTH_MAX = 128

_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_NO_MATCHING_GOAL = Outcome(Verdict.NO_MATCHING_GOAL)


class Window(NamedTuple):
    """Which event times are accepted."""

    horizon: int = 72 * HOUR
    """How far back, in microseconds: as far as the ledger remembers."""
    skew: int = 300 * SECOND
    """How far ahead, in microseconds: clocks differ."""


def id_problem(text: str, length_max: int = ID_LENGTH_MAX) -> str | None:
    """What is wrong with an id: 1 to `length_max` characters, no control characters. None if nothing is."""
    if not text:
        return "is required"
    if len(text) > length_max:
        return f"is longer than {length_max} characters"
    if _CONTROL_CHARACTER.search(text):
        return "contains a control character"
    return None


def judge(event: Event, catalogue: Catalogue, window: Window, now: Instant) -> Outcome | None:
    """Why an event is not taken in; None if it is."""
    problem = _problem(event)
    if problem is not None:
        return Outcome(Verdict.INVALID, reason=problem)
    if event.time > now + window.skew:
        return Outcome(Verdict.INVALID, reason=f"event_time: is more than {window.skew // SECOND} seconds ahead")
    if event.time < now - window.horizon:
        return Outcome(Verdict.TOO_OLD, reason=f"event_time: is more than {window.horizon // HOUR} hours ago")
    if event.stat not in catalogue.wanted:
        return _NO_MATCHING_GOAL
    return None


def _problem(event: Event) -> str | None:
    problem = id_problem(event.event_id, EVENT_ID_LENGTH_MAX)
    if problem is not None:
        return f"event_id: {problem}"
    problem = id_problem(event.user_id)
    if problem is not None:
        return f"user_id: {problem}"
    return _stat_problem(event) if event.stat.source is Source.STAT else None


def _stat_problem(event: Event) -> str | None:
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
