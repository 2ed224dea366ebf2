"""The schema of schedules and seasons in a catalogue document.

Rules that relate values to each other are in `shared.catalogue.schedule_rules`.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from shared.catalogue.fields import Form, Id
from shared.catalogue.time_fields import Clock, Date, FixedZone, Moment, Weekday, Zone
from shared.domain.recurrence import Every
from shared.domain.time_zones import UTC_ZONE

DAYS_MAX = 366
"""Maximum number of days of a period."""
CLAIM_GRACE_DAYS_MIN = 4
"""Minimum claim grace in days: events of a period are accepted until 3 days after its end, and an hour is added for
clocks that differ."""
CLAIM_GRACE_DAYS_MAX = 366
CLAIM_GRACE_DAYS_DEFAULT = 7


class Recurring(NamedTuple):
    """The value of `every`."""

    unit: Every
    days: int = 1
    """Number of days, with `Every.DAYS`."""


def recurring(value: object) -> Recurring | None:
    """Return the value of `every` if it has the right form."""
    if isinstance(value, str) and value in (Every.DAY, Every.WEEK, Every.MONTH, Every.YEAR):
        return Recurring(Every(value))
    if isinstance(value, dict) and set(value) == {"days"}:
        days = value["days"]
        if isinstance(days, int) and not isinstance(days, bool) and 1 <= days <= DAYS_MAX:
            return Recurring(Every.DAYS, days)
    return None


def _recurring(value: object) -> Recurring:
    found = recurring(value)
    if found is None:
        problem = f"must be 'day', 'week', 'month', 'year', or {{days: N}} with 1 to {DAYS_MAX} days"
        raise PydanticCustomError("text", "{problem}", {"problem": problem})
    return found


def _once_each(weekdays: list[Weekday]) -> list[Weekday]:
    if len(set(weekdays)) < len(weekdays):
        raise PydanticCustomError("text", "must name each day once")
    return weekdays


WeekdayField = Annotated[Weekday, Field(strict=False)]


class WindowForm(Form):
    """The hours in which events count."""

    weekdays: Annotated[list[WeekdayField], Field(min_length=1), AfterValidator(_once_each)] = Field(
        default=list(Weekday)
    )
    opens: Clock = 0
    closes: Clock = 0
    """On the same day if later than `opens`, else on the next."""


class ClaimGraceForm(Form):
    """The time after a period's end for which its rewards can be claimed."""

    days: Annotated[int, Field(ge=CLAIM_GRACE_DAYS_MIN, le=CLAIM_GRACE_DAYS_MAX)]


class ScheduleForm(Form):
    """One schedule."""

    id: Id
    every: Annotated[Recurring | None, PlainValidator(_recurring)] = None
    """Required unless there is a season. Which of the next keys go with which unit is checked by a rule."""
    at: Clock = 0
    weekday: WeekdayField | None = None
    month: Annotated[int, Field(ge=1, le=12)] = 1
    month_day: Annotated[int, Field(ge=1, le=31)] = 1
    anchor: Date | None = None
    zone: Zone = UTC_ZONE
    default_zone: FixedZone = UTC_ZONE
    window: WindowForm | None = None
    season: Id = ""
    claim_grace: ClaimGraceForm = ClaimGraceForm(days=CLAIM_GRACE_DAYS_DEFAULT)


class SeasonForm(Form):
    """One run of a season. The same id again is another run."""

    id: Id
    starts: Moment
    ends: Moment
