"""Schedules and their periods, the intervals in which something is counted.

The periods of a schedule tile time: every instant is in exactly one, and the end of one is the start of the next. Their
boundaries are in UTC. An event belongs to the period in which it happened, not the one in which it arrived.
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
"""Start of the lifetime's only period: finite, so that it can be part of a key."""


class Schedule(StrEnum):
    """The frequency at which counting restarts. Values are stored in the database."""

    LIFETIME = "lifetime"
    """Never restarts."""
    DAY = "day/UTC"
    WEEK = "week/UTC"
    """Monday to Sunday."""
    MONTH = "month/UTC"


class Period(NamedTuple):
    """The half-open interval [start, end)."""

    start: Instant
    end: Instant | None
    """None for the lifetime."""


def period_at(schedule: Schedule, instant: Instant) -> Period:
    """Return the period that contains the instant."""
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
    """Return the periods from the one that contains `first` to the one after the current one."""
    periods = [period_at(schedule, first)]
    while (end := periods[-1].end) is not None and periods[-1].start <= now:
        periods.append(period_at(schedule, end))
    return tuple(periods)
