"""Fields of catalogue documents that are times: of the day, dates, instants and time zones."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from shared.domain.instant import DAY, HOUR, MINUTE, Day, Instant, Microseconds, to_day, to_instant
from shared.domain.time_zones import zone_names

PLAYER_ZONE = "player"
"""The word for the zone of each player."""
YEAR_FIRST = 2_000
YEAR_LAST = 2_199
"""Years of dates and instants: far from the ends of the calendar, so that no period begins or ends beyond them."""

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})")

T = TypeVar("T")


class Weekday(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"

    @property
    def number(self) -> int:
        """0 for Monday to 6 for Sunday."""
        return list(Weekday).index(self)


def field(parse: Callable[[str], T], expected: str) -> Any:
    """Return a validator of texts for which `parse` returns a value, and raises `ValueError` if there is none."""

    def validated(value: object) -> T:
        try:
            if isinstance(value, str):
                return parse(value)
        except ValueError:
            pass
        raise PydanticCustomError("text", "{problem}", {"problem": f"must be {expected}"})

    return PlainValidator(validated)


def _clock(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1]) * 60 + int(match[2])


def _date(text: str) -> Day:
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return to_day(_in_bounds(date.fromisoformat(text)))


def _moment(text: str) -> Instant:
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    _in_bounds(moment.date())
    return to_instant(moment)


class JoinTime(NamedTuple):
    """A date as clocks of a schedule's zone show it, or an instant. One of them is None."""

    day: Day | None
    instant: Instant | None


def _join_time(text: str) -> JoinTime:
    return JoinTime(_date(text), None) if _DATE.fullmatch(text) else JoinTime(None, _moment(text))


def _in_bounds(day: date) -> date:
    if not YEAR_FIRST <= day.year <= YEAR_LAST:
        raise ValueError(day)
    return day


def moment_or_none(value: object) -> Instant | None:
    """Return the instant if the value is the text of one."""
    try:
        return _moment(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _fixed_zone(text: str) -> str:
    if text not in zone_names():
        raise ValueError(text)
    return text


def _zone(text: str) -> str:
    return text if text == PLAYER_ZONE else _fixed_zone(text)


_ZONE_EXAMPLES = "'UTC' or the name of a time zone such as 'Europe/Paris'"

Clock = Annotated[int, field(_clock, "a time of the day such as '05:00'")]
"""Minute of the day."""
Date = Annotated[Day, field(_date, f"a date such as '2026-01-05', from {YEAR_FIRST} to {YEAR_LAST}")]
Moment = Annotated[
    Instant, field(_moment, f"a time with its offset such as '2026-12-01T00:00:00Z', from {YEAR_FIRST} to {YEAR_LAST}")
]
From = Annotated[
    JoinTime, field(_join_time, "a date such as '2026-12-01' or a time with its offset such as '2026-12-01T00:00:00Z'")
]
FixedZone = Annotated[str, field(_fixed_zone, _ZONE_EXAMPLES)]
Zone = Annotated[str, field(_zone, f"{_ZONE_EXAMPLES}, or '{PLAYER_ZONE}'")]

COOLDOWN_DAYS_MAX = 366
_UNITS = {"minutes": MINUTE, "hours": HOUR, "days": DAY}


def _cooldown(value: object) -> Microseconds:
    """Return the duration in microseconds."""
    if isinstance(value, dict) and len(value) == 1:
        ((unit, number),) = value.items()
        if unit in _UNITS and isinstance(number, int) and not isinstance(number, bool):
            duration = number * _UNITS[unit]
            if 0 < duration <= COOLDOWN_DAYS_MAX * DAY:
                return duration
    problem = f"must be {{minutes: N}}, {{hours: N}} or {{days: N}}, at most {COOLDOWN_DAYS_MAX} days"
    raise PydanticCustomError("text", "{problem}", {"problem": problem})


Cooldown = Annotated[Microseconds, PlainValidator(_cooldown)]
"""Duration in microseconds."""
