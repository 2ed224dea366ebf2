"""Instants, lengths of time and days as integers, and periods: the intervals in which something is counted.

Integers compare, add and convert to and from protobuf, Postgres and JSON exactly, and cost nothing on the event path.
No rule reads a clock: `now` is an argument.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, TypeAlias

Instant: TypeAlias = int
"""Microseconds since 1970-01-01T00:00:00Z."""

Microseconds: TypeAlias = int
"""A length of time: the difference of two instants."""

Day: TypeAlias = int
"""Days since 1970-01-01; the UTC day of an instant is `instant // DAY`."""

MICROSECOND: Microseconds = 1
SECOND: Microseconds = 1_000_000
MINUTE: Microseconds = 60 * SECOND
HOUR: Microseconds = 3_600 * SECOND
DAY: Microseconds = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = _EPOCH.toordinal()


def day_of(instant: Instant) -> Day:
    """Return the UTC day of an instant."""
    return instant // DAY


def to_date(day: Day) -> date:
    """Return the calendar date of a day."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


def to_day(on: date) -> Day:
    """Return the day of a calendar date."""
    return on.toordinal() - _EPOCH_ORDINAL


def to_instant(moment: datetime) -> Instant:
    """Return the instant of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_datetime(instant: Instant) -> datetime:
    """Return the instant as an aware datetime in UTC, for people and logs."""
    return _EPOCH + timedelta(microseconds=instant)


LIFETIME_START: Instant = 0
"""Start of the lifetime's only period: finite, so that it can be part of a key."""


class Period(NamedTuple):
    """The half-open interval [start, end). Its start identifies it within its schedule."""

    start: Instant
    end: Instant | None
    """None for the lifetime."""


LIFETIME_PERIOD = Period(LIFETIME_START, None)
