"""Calendars: the periods that events of one stat count for, by all schedules of the stat."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from shared.domain.goal import Stat
from shared.domain.instant import Instant
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.schedules import LIFETIME, Schedule

Place: TypeAlias = tuple[Instant | None, ...]
"""The place of an event in time: the starts of the periods that it counts for, by schedule, or None where it counts for
none, and then its days by those schedules that have days of their own."""


class Calendars:
    """The calendars of all stats, and of players who have named zones."""

    def __init__(
        self, schedules: Mapping[Stat, Sequence[Schedule]], day_counted: Collection[Stat], zones: Mapping[str, Zones]
    ) -> None:
        self._schedules = schedules
        self._day_counted = day_counted
        self._zones = zones
        by_player = (stat for stat, of_stat in schedules.items() if any(schedule.by_player for schedule in of_stat))
        self._by_player = frozenset(by_player if zones else ())
        self._known: dict[tuple[Stat, Zones], Calendar] = {}

    def of(self, user_id: str, stat: Stat) -> Calendar | None:
        """Return the player's calendar of a stat; None if the stat has no schedules."""
        schedules = self._schedules.get(stat)
        if schedules is None:
            return None
        zones = self._zones.get(user_id, NO_ZONES) if stat in self._by_player else NO_ZONES
        calendar = self._known.get((stat, zones))
        if calendar is None:
            calendar = self._known[stat, zones] = Calendar(schedules, stat in self._day_counted, zones)
        return calendar


class Calendar:
    """The schedules of one stat, with the interval around the last event in which their periods do not change."""

    def __init__(self, schedules: Sequence[Schedule], by_day: bool, zones: Zones) -> None:
        self._schedules = [schedule.of_player(zones) for schedule in schedules]
        self._with_own_days = [schedule for schedule in schedules if by_day and schedule.has_own_days]
        self.has_own_days = bool(self._with_own_days)
        """Days of a schedule are not those of UTC, so a tally of its own has them."""
        self._since, self._until = 0, 0
        self._starts: Place = ()
        days = {schedule.text: len(schedules) + place for place, schedule in enumerate(self._with_own_days)}
        texts = [(schedule.text, place, days.get(schedule.text)) for place, schedule in enumerate(schedules)]
        self.in_key_order = sorted([*texts, (LIFETIME.text, None, None)], key=lambda each: each[0])
        """Schedule texts in key order, with the positions of start and day in a place; None for the lifetime."""
        self._credited_until: Instant | None = None

    def place_of(self, time: Instant) -> Place:
        """Return the place of an event at this time."""
        if not self._since <= time < self._until:
            self._move_to(time)
        if not self._with_own_days:
            return self._starts
        return *self._starts, *(schedule.day_at(time) for schedule in self._with_own_days)

    def credited_until(self, time: Instant) -> Instant | None:
        """Return the earliest end of the periods that an event at this time counts for; None if there is none."""
        if not self._since <= time < self._until:
            self._move_to(time)
        return self._credited_until

    def _move_to(self, time: Instant) -> None:
        spans = [schedule.counted_at(time) for schedule in self._schedules]
        periods = [span.period for span in spans]
        self._since, self._until = max(span.start for span in spans), min(span.end for span in spans)
        self._starts = tuple(None if period is None else period.start for period in periods)
        ends = (period.end for period in periods if period is not None and period.end is not None)
        self._credited_until = min(ends, default=None)
