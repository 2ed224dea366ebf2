"""The periods that are current for a player.

They are computed once between two boundaries, not for every call: a boundary changes them, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from shared.domain.catalogue import Catalogue
from shared.domain.goal import Goal
from shared.domain.instant import Instant
from shared.domain.periods import Period
from shared.domain.rotation import claim_end
from shared.domain.schedules import LIFETIME, Schedule

_NEVER, _FOR_EVER = float("-inf"), float("inf")
_NOTHING: frozenset[str] = frozenset()


class CurrentPeriods(NamedTuple):
    """The current periods of all schedules of goals, other than the lifetime."""

    periods: Mapping[str, Period]
    """By schedule text. A schedule whose season is not running is missing."""
    starts: Mapping[str, Instant]
    """The start of the current period by goal id, of goals that have one and a schedule other than the lifetime."""
    since: float = _NEVER
    until: float = _FOR_EVER
    """The instants from which and until which these are the current periods."""
    required_ever: tuple[str, ...] = ()
    """Ids of goals of which it matters whether they were completed in any period."""
    ended: frozenset[str] = _NOTHING
    """Texts of schedules whose last period is shown after it has ended, because its rewards can be claimed."""
    hidden: frozenset[str] = _NOTHING
    """Ids of goals that are not shown: their season is over for good, or is still to come."""
    upcoming: frozenset[str] = _NOTHING
    """Those of the hidden goals whose season is still to come."""


NO_PERIODS = CurrentPeriods(MappingProxyType({}), MappingProxyType({}))
"""The current periods where all goals count for the lifetime."""

_last: WeakKeyDictionary[Catalogue, tuple[CurrentPeriods, CurrentPeriods]] = WeakKeyDictionary()
"""The current and the shown periods of each catalogue as last computed."""


def current_periods(catalogue: Catalogue, now: Instant) -> CurrentPeriods:
    """Return the periods that are current for every player at `now`."""
    return _periods(catalogue, now)[0]


def shown_periods(catalogue: Catalogue, now: Instant) -> CurrentPeriods:
    """Return the periods that goals are shown in at `now`.

    They are the current ones, and after a season its last one, until its rewards cannot be claimed any longer.
    """
    return _periods(catalogue, now)[1]


def _periods(catalogue: Catalogue, now: Instant) -> tuple[CurrentPeriods, CurrentPeriods]:
    last = _last.get(catalogue)
    if last is None or not last[0].since <= now < last[0].until:
        last = _last[catalogue] = _computed(catalogue, now)
    return last


def _computed(catalogue: Catalogue, now: Instant) -> tuple[CurrentPeriods, CurrentPeriods]:
    by_text = {goal.schedule.text: goal.schedule for goal in catalogue.goals.values() if goal.schedule != LIFETIME}
    if not by_text:
        return NO_PERIODS, NO_PERIODS
    found = {text: _around(by_text[text], now) for text in sorted(by_text)}
    until = min(around.until for around in found.values())
    current = {text: around.current for text, around in found.items() if around.current is not None}
    ended = {text: around.ended for text, around in found.items() if around.ended is not None}
    goals = [goal for goal in catalogue.goals.values() if goal.schedule.text in found]
    hidden = [goal for goal in goals if goal.schedule.text not in current and goal.schedule.text not in ended]
    upcoming = frozenset(goal.id for goal in hidden if found[goal.schedule.text].returns)
    required = catalogue.required_across_schedules
    now_current = CurrentPeriods(current, _starts(goals, current), now, until, required)
    if not ended and not hidden:
        return now_current, now_current
    shown = current | ended
    return now_current, CurrentPeriods(
        shown,
        _starts(goals, shown),
        now,
        until,
        required,
        frozenset(ended),
        frozenset(goal.id for goal in hidden),
        upcoming,
    )


def _starts(goals: Iterable[Goal], periods: Mapping[str, Period]) -> dict[str, Instant]:
    return {goal.id: periods[goal.schedule.text].start for goal in goals if goal.schedule.text in periods}


class _Around(NamedTuple):
    """The periods of one schedule around an instant."""

    current: Period | None
    ended: Period | None
    """The last period if there is no current one and rewards of the last one can be claimed."""
    returns: bool
    """True if there is no current period and another one is to come."""
    until: float


def _around(schedule: Schedule, now: Instant) -> _Around:
    current = schedule.shown_at(now)
    if current is not None:
        return _Around(current, None, False, _FOR_EVER if current.end is None else current.end)
    following, last = schedule.next_after(now), schedule.last_before(now)
    until = _FOR_EVER if following is None else following.start
    claimable_until = None if last is None else claim_end(schedule, last)
    if claimable_until is None or claimable_until <= now:
        return _Around(None, None, following is not None, until)
    return _Around(None, last, following is not None, min(until, claimable_until))
