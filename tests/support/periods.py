"""Periods that are known to exist, and those of a player's own days by their definition."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from functools import lru_cache

from shared.domain.instant import DAY, Instant, Period
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import Schedule

DEFINED_AROUND: Instant = 30 * DAY
"""Time around an instant for which periods of a player's own days are computed together."""


def period_of(schedule: Schedule, instant: Instant, zones: Zones = NO_ZONES) -> Period:
    """Return the period that an event at the instant counts for, of a player who has named these zones."""
    if schedule.by_player:
        assert isinstance(schedule.recurrence, Recurrence)
        return _defined_period(schedule.recurrence, zones, instant)
    period = schedule.period_at(instant)
    assert period is not None, f"{schedule.text} has no period at {instant}"
    return period


def defined_periods(recurrence: Recurrence, zones: Zones, first: Instant, last: Instant) -> list[Period]:
    """Return a player's periods from a month before `first` until a month after `last`, by their definition."""
    days = {Every.DAY: 1, Every.WEEK: 7}.get(recurrence.every, recurrence.days)

    def in_zone_before(start: Instant) -> Recurrence:
        named = [zone for instant, zone in zones if instant < start]
        return replace(recurrence, zone=named[-1]) if named else recurrence

    start = in_zone_before(first - 40 * DAY).period_at(first - 30 * DAY).start
    zone = in_zone_before(start).zone
    periods: list[Period] = []
    while start <= last + 30 * DAY:
        following = in_zone_before(start)
        earliest = start + 1 if following.zone == zone else start + days * DAY // 2
        period = following.period_at(earliest)
        end = earliest if period.start == earliest else period.end
        assert end is not None
        periods.append(Period(start, end))
        start, zone = end, following.zone
    return periods


def _defined_period(recurrence: Recurrence, zones: Zones, instant: Instant) -> Period:
    periods = _defined_around(recurrence, zones, instant // DEFINED_AROUND)
    return periods[bisect_right(periods, instant, key=lambda period: period.start) - 1]


@lru_cache(256)
def _defined_around(recurrence: Recurrence, zones: Zones, number: int) -> list[Period]:
    return defined_periods(recurrence, zones, number * DEFINED_AROUND, (number + 1) * DEFINED_AROUND)
