"""Time zones as the pinned package `tzdata` defines them.

The system's time zones are never read: two machines with different versions would put one event into different periods.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import tzdata

from shared.domain.instant import DAY, MINUTE, SECOND, Day, Instant, to_date, to_datetime, to_day, to_instant

UTC_ZONE = "UTC"
"""The zone whose days need no time zone data."""
TIME_ZONES_VERSION: str = tzdata.IANA_VERSION
"""Version of the time zone data, such as `2026f`."""


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(resources.files(tzdata).joinpath("zones").read_text(encoding="ascii").split())


@cache
def _zone(name: str) -> tzinfo:
    """Return a time zone. Raise `ValueError` if there is none of this name."""
    if name == UTC_ZONE:
        return UTC
    if name not in zone_names():
        raise ValueError(f"there is no time zone {name!r}")
    with resources.files(tzdata).joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def local_day(instant: Instant, zone: str) -> Day:
    """Return the date that clocks in the zone show at the instant."""
    if zone == UTC_ZONE:
        return instant // DAY
    return to_day(to_datetime(instant).astimezone(_zone(zone)).date())


def instant_of(day: Day, minute: int, zone: str) -> Instant:
    """Return the instant at which clocks in the zone show this date and minute of the day.

    If clocks show it twice, return the first instant. If they skip it, return the first instant after the gap.
    """
    if zone == UTC_ZONE:
        return day * DAY + minute * MINUTE
    local = datetime.combine(to_date(day), time(*divmod(minute, 60)), _zone(zone))
    instant = to_instant(local)
    if _shown(instant, zone) == local.replace(tzinfo=None):
        return instant
    return _end_of_gap(local, zone)


def day_exists(day: Day, zone: str) -> bool:
    """Return False if clocks in the zone skip the whole date, as those of Pacific/Apia did on 2011-12-30."""
    return local_day(instant_of(day, 0, zone), zone) == day


def _shown(instant: Instant, zone: str) -> datetime:
    """Return what clocks in the zone show at the instant."""
    return to_datetime(instant).astimezone(_zone(zone)).replace(tzinfo=None)


def _end_of_gap(local: datetime, zone: str) -> Instant:
    """Return the first instant after the gap that contains a local time which clocks skip."""
    # With the offset of after the gap the skipped time falls before it, and the other way round.
    before, after = to_instant(local.replace(fold=1)), to_instant(local.replace(fold=0))
    old_offset = _offset(before, zone)
    while after - before > SECOND:
        middle = (before + after) // (2 * SECOND) * SECOND
        if _offset(middle, zone) == old_offset:
            before = middle
        else:
            after = middle
    return after


def _offset(instant: Instant, zone: str) -> timedelta | None:
    return to_datetime(instant).astimezone(_zone(zone)).utcoffset()
