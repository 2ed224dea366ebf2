"""Schedules and their periods, the intervals in which something is counted.

The periods of a schedule tile time: every instant is in exactly one, and the end of one is the start of the next. Their
boundaries are in UTC. An event belongs to the period in which it happened, not the one in which it arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from shared.domain.instant import DAY, Instant, to_datetime, to_instant

_WEEK: Instant = 7 * DAY
_FIRST_MONDAY: Instant = 4 * DAY
"""1970-01-05."""

LIFETIME_START: Instant = 0
"""Start of the lifetime's only period: finite, so that it can be part of a key."""


class Period(NamedTuple):
    """The half-open interval [start, end)."""

    start: Instant
    end: Instant | None
    """None for the lifetime."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The frequency at which counting restarts."""

    text: str
    """The schedule's canonical text, which is stored in the database and in the keys of tallies and standings."""

    def period_at(self, instant: Instant) -> Period:
        """Return the period that contains the instant."""
        match self.text:
            case "day/UTC":
                start = instant - instant % DAY
                return Period(start, start + DAY)
            case "week/UTC":
                start = instant - (instant - _FIRST_MONDAY) % _WEEK
                return Period(start, start + _WEEK)
            case "month/UTC":
                moment = to_datetime(instant)
                following = moment.year * 12 + moment.month
                return Period(
                    to_instant(datetime(moment.year, moment.month, 1, tzinfo=UTC)),
                    to_instant(datetime(following // 12, following % 12 + 1, 1, tzinfo=UTC)),
                )
        return Period(LIFETIME_START, None)


LIFETIME = Schedule("lifetime")
"""Never restarts."""
DAILY = Schedule("day/UTC")
WEEKLY = Schedule("week/UTC")
"""Monday to Sunday."""
MONTHLY = Schedule("month/UTC")


def periods_from(schedule: Schedule, first: Instant, now: Instant) -> tuple[Period, ...]:
    """Return the periods from the one that contains `first` to the one after the current one."""
    periods = [schedule.period_at(first)]
    while (end := periods[-1].end) is not None and periods[-1].start <= now:
        periods.append(schedule.period_at(end))
    return tuple(periods)
