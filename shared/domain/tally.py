"""Tallies: the aggregate of a player's events of one stat.

A tally is a commutative monoid: `merge` is associative and commutative and `Tally()` is its identity, so events may be
folded in any order and grouping. `merge_tallies` in `shared/postgres/events/tallies.sql` is the same merge in the
database; a property test compares the two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from shared.domain.calendars import Calendar, Calendars, Place
from shared.domain.events import Event
from shared.domain.goal import Counting, Stat
from shared.domain.instant import LIFETIME_START, Day, Instant
from shared.domain.player_zones import Zones
from shared.domain.schedules import LIFETIME, Schedule

SUM_MAX = 2**62
"""The value at which sums saturate: half the range of a bigint, so that comparing cannot overflow."""


class TallyKey(NamedTuple):
    """The key of a tally. Transactions lock tallies in key order."""

    user_id: str
    stat: Stat
    schedule: str = LIFETIME.text
    """Canonical text of the schedule."""
    period_start: Instant = LIFETIME_START


class Measures(NamedTuple):
    """The numbers of a tally that never decrease. Only these decide completion, so order is irrelevant."""

    sum: int = 0
    events: int = 0
    highest: int | None = None
    day_count: int = 0

    def judged_by(self, counting: Counting) -> int:
        """Return the number to compare with a target; 0 if nothing was counted yet."""
        return self[JUDGED_BY[counting]] or 0

    def with_judged(self, counting: Counting, number: int) -> Measures:
        """Return the measures with another number to compare with a target."""
        return self._replace(**{self._fields[JUDGED_BY[counting]]: number})


JUDGED_BY = {
    counting: Measures._fields.index(measure)
    for counting, measure in {
        Counting.LATEST: "highest",
        Counting.HIGHEST: "highest",
        Counting.SUM: "sum",
        Counting.EVENTS: "events",
        Counting.DAYS: "day_count",
        Counting.DISTINCT: "sum",
        Counting.LOWEST: "highest",
        Counting.GROWTH: "sum",
        Counting.STREAK: "day_count",
    }.items()
}
"""Position in `Measures` of the number that decides, by counting. `LATEST` is judged by the highest value, too.

For `STREAK` it is where a view of the goal's own has the longest streak."""


@dataclass(slots=True)
class Tally:
    """Sum and number of events, newest and highest value, and the days with events."""

    sum: int = 0
    """Saturates at `SUM_MAX`."""
    events: int = 0
    latest: int | None = None
    """The value with the newest time; of two at one instant the greater one."""
    latest_time: Instant | None = None
    highest: int | None = None
    days: set[Day] = field(default_factory=set)
    """Empty if the stat is not counted by day."""
    sum_time: Instant | None = None
    """Time of the newest event with a delta: when the sum was reached, in whatever order events arrived."""
    events_time: Instant | None = None
    """Time of the newest event."""
    highest_time: Instant | None = None
    """Time of the oldest event with the highest value; None if it was counted before times were stored."""
    lowest_opening: int | None = None
    """The lowest value before an event, if growth is counted: then `sum` is the highest value minus this one."""

    def add(self, event: Event, by_day: bool, schedule: Schedule = LIFETIME) -> None:
        """Count one event; `by_day` is True if the stat is counted by day, which are days of the schedule."""
        time = event.time
        self.events += 1
        if self.events_time is None or time > self.events_time:
            self.events_time = time
        if event.delta:
            self.sum = min(self.sum + event.delta, SUM_MAX)
            if self.sum_time is None or time > self.sum_time:
                self.sum_time = time
        if event.value is not None:
            self._see_newest(event.value, time)
            self._see_highest(event.value, time)
        if by_day:
            self.days.add(schedule.day_at(time))

    def add_growth(self, event: Event) -> None:
        """Count the growth up to the value of an event, which must have one. A missing delta is 0."""
        if event.value is None:
            raise ValueError("growth needs a value")
        self.add(event._replace(delta=None), by_day=False)
        self._see_opening(event.value - (event.delta or 0))

    def merge(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.sum = min(self.sum + other.sum, SUM_MAX)
        self.events += other.events
        if other.latest is not None and other.latest_time is not None:
            self._see_newest(other.latest, other.latest_time)
        if other.highest is not None:
            self._see_highest(other.highest, other.highest_time)
        self.days |= other.days
        self.sum_time = _newer(self.sum_time, other.sum_time)
        self.events_time = _newer(self.events_time, other.events_time)
        self._see_opening(other.lowest_opening)

    def _see_opening(self, opening: int | None) -> None:
        openings = [each for each in (self.lowest_opening, opening) if each is not None]
        if openings and self.highest is not None:
            self.lowest_opening = min(openings)
            self.sum = self.highest - self.lowest_opening

    def _see_newest(self, value: int, time: Instant) -> None:
        if self.latest is None or self.latest_time is None or (time, value) > (self.latest_time, self.latest):
            self.latest, self.latest_time = value, time

    def _see_highest(self, value: int, time: Instant | None) -> None:
        if self.highest is None or value > self.highest:
            self.highest, self.highest_time = value, time
        elif value == self.highest and time is not None and (self.highest_time is None or time < self.highest_time):
            self.highest_time = time

    @property
    def measures(self) -> Measures:
        """The numbers that decide completion."""
        return Measures(self.sum, self.events, self.highest, len(self.days))


def fold(
    events: Iterable[Event],
    day_counted: Collection[Stat],
    schedules: Mapping[Stat, Sequence[Schedule]] = MappingProxyType({}),
    zones: Mapping[str, Zones] = MappingProxyType({}),
    growing: Collection[Stat] = (),
) -> dict[TallyKey, Tally]:
    """Return what these events add to each tally of the lifetime and of the periods in `schedules`, in key order.

    `day_counted` are the stats whose tallies keep days; `schedules` are the further schedules of each stat;
    `zones` are those that players have named, by user id; `growing` are the stats whose tallies count growth. Tallies
    to which the same events add are the same object.
    """
    # Nearly always a player's events of a stat are in the same periods, so each is added once for all of them.
    cells: dict[tuple[str, Stat], tuple[Calendar | None, dict[Place, Tally]]] = {}
    calendars = Calendars(schedules, day_counted, zones)
    for event in events:
        stat = event.stat
        key = (event.user_id, stat)
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = (calendars.of(*key) if schedules else None, {})
        calendar, of_key = cell
        place = () if calendar is None else calendar.place_of(event.time)
        tally = of_key.get(place)
        if tally is None:
            tally = of_key[place] = Tally()
        if stat in growing:
            tally.add_growth(event)
        else:
            tally.add(event, stat in day_counted)
    tallies: dict[TallyKey, Tally] = {}
    for key in sorted(cells):
        user_id, stat = key
        calendar, of_key = cells[key]
        if calendar is None:
            [tallies[_tally_key((user_id, stat, _LIFETIME, LIFETIME_START))]] = of_key.values()
        elif len(of_key) == 1 and not calendar.has_own_days:
            [(place, tally)] = of_key.items()
            for text, of_start, _ in calendar.in_key_order:
                start = LIFETIME_START if of_start is None else place[of_start]
                if start is not None:
                    tallies[_tally_key((user_id, stat, text, start))] = tally
        else:
            for text, start, tally in _divided(calendar, of_key):
                tallies[_tally_key((user_id, stat, text, start))] = tally
    return tallies


_LIFETIME = LIFETIME.text
# The constructor of a named tuple without a Python call.
_tally_key = partial(tuple.__new__, TallyKey)


def _divided(calendar: Calendar, cells: Mapping[Place, Tally]) -> Iterator[tuple[str, Instant, Tally]]:
    """Yield the tallies that these cells add up to, by schedule text and start of the period, in this order."""
    for text, of_start, of_day in calendar.in_key_order:
        by_start: dict[Instant, Tally] = {}
        for place, tally in cells.items():
            start = LIFETIME_START if of_start is None else place[of_start]
            day = None if of_day is None else place[of_day]
            if start is not None:
                part = tally if day is None else replace(tally, days={day})
                by_start[start] = part if start not in by_start else _sum_of(by_start[start], part)
        for start in sorted(by_start) if len(by_start) > 1 else by_start:
            yield text, start, by_start[start]


def _sum_of(one: Tally, other: Tally) -> Tally:
    total = Tally()
    total.merge(one)
    total.merge(other)
    return total


def _newer(one: Instant | None, other: Instant | None) -> Instant | None:
    return max((one, other), key=lambda time: float("-inf") if time is None else time)
