"""Schedules and their periods: the stretches of time that something is counted in.

The periods of a schedule tile time: every instant lies in exactly one, and where one ends the next begins. They are cut
in UTC, by the instant at which something happened, never by when it arrived.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from shared.domain.instant import DAY, Instant, to_datetime, to_instant

_WEEK: Instant = 7 * DAY
_FIRST_MONDAY: Instant = 4 * DAY
"""1970-01-05."""

LIFETIME_START: Instant = 0
"""The start of the lifetime's one period: finite, so that it can be part of a key."""


class Schedule(StrEnum):
    """How often counting starts anew; the value is what the database stores."""

    LIFETIME = "lifetime"
    """Never starts anew."""
    DAY = "day/UTC"
    WEEK = "week/UTC"
    """From Monday to Sunday."""
    MONTH = "month/UTC"


class Period(NamedTuple):
    """From its start up to its end, which belongs to the next one."""

    start: Instant
    end: Instant | None
    """None for the lifetime."""


def period_at(schedule: Schedule, instant: Instant) -> Period:
    """The period that the instant lies in."""
    match schedule:
        case Schedule.LIFETIME:
            return Period(LIFETIME_START, None)
        case Schedule.DAY:
            start = instant - instant % DAY
            return Period(start, start + DAY)
        case Schedule.WEEK:
            start = instant - (instant - _FIRST_MONDAY) % _WEEK
            return Period(start, start + _WEEK)
        case Schedule.MONTH:
            moment = to_datetime(instant)
            following = moment.year * 12 + moment.month
            return Period(
                to_instant(datetime(moment.year, moment.month, 1, tzinfo=UTC)),
                to_instant(datetime(following // 12, following % 12 + 1, 1, tzinfo=UTC)),
            )


def periods_from(schedule: Schedule, first: Instant, now: Instant) -> tuple[Period, ...]:
    """The periods from the one that `first` lies in up to the one that follows the current one."""
    periods = [period_at(schedule, first)]
    while (end := periods[-1].end) is not None and periods[-1].start <= now:
        periods.append(period_at(schedule, end))
    return tuple(periods)
