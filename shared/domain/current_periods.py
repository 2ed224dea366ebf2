"""The periods that are current for a player.

They are computed once between two boundaries, not for every call: a boundary changes them, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from shared.domain.catalogue import Catalogue
from shared.domain.instant import SECOND, Instant
from shared.domain.periods import Period
from shared.domain.schedules import LIFETIME, Schedule

_NEVER, _FOR_EVER = float("-inf"), float("inf")

UNKNOWN_BOUNDARY_S = 1
"""Seconds for which a schedule without a current period is not asked again."""


class CurrentPeriods(NamedTuple):
    """The current periods of all schedules of goals, other than the lifetime."""

    periods: Mapping[str, Period]
    """By schedule text. A schedule that is between two periods is missing."""
    starts: Mapping[str, Instant]
    """The start of the current period by goal id, of goals that have one and a schedule other than the lifetime."""
    since: float = _NEVER
    until: float = _FOR_EVER
    """The instants from which and until which these are the current periods."""


NO_PERIODS = CurrentPeriods(MappingProxyType({}), MappingProxyType({}))
"""The current periods where all goals count for the lifetime."""

_last: WeakKeyDictionary[Catalogue, CurrentPeriods] = WeakKeyDictionary()
"""The periods of each catalogue as last computed."""


def current_periods(catalogue: Catalogue, now: Instant) -> CurrentPeriods:
    """Return the periods that are current for every player at `now`."""
    last = _last.get(catalogue)
    if last is None or not last.since <= now < last.until:
        last = _last[catalogue] = _current_periods(catalogue, now)
    return last


def _current_periods(catalogue: Catalogue, now: Instant) -> CurrentPeriods:
    schedules = {goal.schedule for goal in catalogue.goals.values()} - {LIFETIME}
    if not schedules:
        return NO_PERIODS
    periods = dict(_periods_at(schedules, now))
    starts = {
        goal.id: periods[goal.schedule.text].start for goal in catalogue.goals.values() if goal.schedule.text in periods
    }
    until = min((period.end for period in periods.values() if period.end is not None), default=_FOR_EVER)
    if len(periods) < len(schedules):
        until = min(until, now + UNKNOWN_BOUNDARY_S * SECOND)
    return CurrentPeriods(periods, starts, now, until)


def _periods_at(schedules: Iterable[Schedule], now: Instant) -> Iterable[tuple[str, Period]]:
    for schedule in sorted(schedules, key=lambda each: each.text):
        period = schedule.shown_at(now)
        if period is not None:
            yield schedule.text, period
