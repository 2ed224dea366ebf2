"""Recurrences: the rules by which calendars divide time, such as "every Tuesday at 05:00 in Paris".

The periods of a recurrence are half-open and tile time: the end of one is the start of the next. Each starts on a date
at a minute of the day, as clocks of a time zone show them.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from shared.domain.instant import Day, Instant, Period, to_date, to_day
from shared.domain.spans import SPANS_MAX, Span, Spans
from shared.domain.time_zones import UTC_ZONE, day_exists, instant_of, local_day

_FIRST_MONDAY: Day = 4
"""1970-01-05."""


class Every(StrEnum):
    """The unit of a recurrence."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    DAYS = "days"
    """A number of days, counted from an anchor."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule that divides time into periods. Rules with the same meaning have the same text.

    Parts that a unit does not use keep their defaults. `every_days` makes those of a number of days.
    """

    every: Every
    at: int = 0
    """Minute of the day at which periods start."""
    zone: str = UTC_ZONE
    """Name of a time zone; the one of players who have not said theirs, if `by_player`."""
    by_player: bool = False
    """True if days are those of each player's own zone."""
    weekday: int = 0
    """First day of a week: 0 is Monday."""
    month: int = 1
    """First month of a year."""
    month_day: int = 1
    """First day of a month or year; the month's last day where the month is shorter."""
    days: int = 1
    """Number of days, with `Every.DAYS`."""
    anchor: Day = 0
    """A day on which a period starts, with `Every.DAYS`: one of the first `days` days of 1970."""

    @property
    def text(self) -> str:
        """The rule's canonical text, without parts that have their defaults: `week:tue@05:00/Europe/Paris`."""
        at = f"@{clock_text(self.at)}" if self.at else ""
        zone = f"player({self.zone})" if self.by_player else self.zone
        return f"{self._days_text()}{at}/{zone}"

    def _days_text(self) -> str:
        match self.every:
            case Every.WEEK if self.weekday:
                return f"week:{WEEKDAYS[self.weekday]}"
            case Every.MONTH if self.month_day != 1:
                return f"month:{self.month_day}"
            case Every.YEAR if (self.month, self.month_day) != (1, 1):
                return f"year:{self.month:02}-{self.month_day:02}"
            case Every.DAYS:
                return f"{self.days}d:{to_date(self.anchor).isoformat()}"
        return self.every.value

    def period_at(self, instant: Instant) -> Period:
        """Return the period that contains the instant."""
        return self._around(instant)[1]

    def number_at(self, instant: Instant) -> int:
        """Return the number of the period that contains the instant, which is greater by one than that of the last one.

        A date that clocks in the zone skip has a number all the same.
        """
        first, _ = self._around(instant)
        match self.every:
            case Every.DAY:
                return first
            case Every.WEEK:
                return (first - _FIRST_MONDAY - self.weekday) // 7
            case Every.DAYS:
                return (first - self.anchor) // self.days
        return self._month_of(first) // self._months

    def _around(self, instant: Instant) -> tuple[Day, Period]:
        """Return the first day of the period that contains the instant, and the period."""
        first = self._first_day(local_day(instant, self.zone))
        while (start := instant_of(first, self.at, self.zone)) > instant:
            first = self._step(first, -1)
        following = self._step(first, 1)
        # If clocks are set back over midnight, a date begins before the date before it has ended.
        while (end := instant_of(following, self.at, self.zone)) <= instant:
            start, first, following = end, following, self._step(following, 1)
        return first, Period(start, end)

    def _first_day(self, day: Day) -> Day:
        """Return the last day not after `day` on which a period starts."""
        match self.every:
            case Every.DAY:
                return day
            case Every.WEEK:
                return day - (day - _FIRST_MONDAY - self.weekday) % 7
            case Every.DAYS:
                return day - (day - self.anchor) % self.days
        month = self._month_of(day)
        first = self._day_in(month)
        return first if first <= day else self._day_in(month - self._months)

    def _step(self, first: Day, direction: int) -> Day:
        """Return the first day of the next period, or of the one before if the direction is -1."""
        match self.every:
            case Every.DAY:
                day = first + direction
                return day if day_exists(day, self.zone) else day + direction
            case Every.WEEK:
                return first + 7 * direction
            case Every.DAYS:
                return first + self.days * direction
        return self._day_in(self._month_of(first) + direction * self._months)

    @property
    def _months(self) -> int:
        """The length of a period in months."""
        return 12 if self.every is Every.YEAR else 1

    def _month_of(self, day: Day) -> int:
        """Return the month of a day, or the first month of its year's period, counted from the year 0."""
        as_date = to_date(day)
        return as_date.year * 12 + (self.month if self.every is Every.YEAR else as_date.month) - 1

    def _day_in(self, months: int) -> Day:
        """Return the day of this month on which a period starts."""
        year, month = months // 12, months % 12 + 1
        return to_day(date(year, month, min(self.month_day, monthrange(year, month)[1])))


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def every_days(days: int, anchor: Day, *, at: int = 0, zone: str = UTC_ZONE, by_player: bool = False) -> Recurrence:
    """Return the recurrence of a number of days, counted from the anchor. One day and seven have units of their own."""
    if days == 1:
        return Recurrence(Every.DAY, at, zone, by_player)
    if days == 7:
        return Recurrence(Every.WEEK, at, zone, by_player, weekday=(anchor - _FIRST_MONDAY) % 7)
    return Recurrence(Every.DAYS, at, zone, by_player, days=days, anchor=anchor % days)


def clock_text(minute: int) -> str:
    """Return a minute of the day as clocks show it: `05:00`."""
    return f"{minute // 60:02}:{minute % 60:02}"


class Days:
    """The days of one zone that begin at one minute. Thread-safe, and memoised as periods are."""

    def __init__(self, at: int, zone: str) -> None:
        self._recurrence = Recurrence(Every.DAY, at, zone)
        self._spans = Spans(self._span)
        self._date = lru_cache(SPANS_MAX)(lambda start: local_day(start, zone))

    def at(self, instant: Instant) -> Day:
        """Return the day of an instant, as the date on which it began."""
        return self._date(self._spans.at(instant).start)

    def end(self, instant: Instant) -> Instant:
        """Return the end of the day of an instant."""
        return self._spans.at(instant).end

    def _span(self, instant: Instant) -> Span:
        day = self._recurrence.period_at(instant)
        assert day.end is not None  # noqa: S101 - only the lifetime has no end
        return Span(day.start, day.end, day)
