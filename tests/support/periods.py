"""Periods that are known to exist, and those of players' own days, seasons and windows by their definition."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from functools import lru_cache

from shared.domain.instant import DAY, LIFETIME_PERIOD, MINUTE, Instant, Period
from shared.domain.player_zones import NO_ZONES, Zones
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import Schedule
from shared.domain.windows import Window

DEFINED_AROUND: Instant = 30 * DAY
"""Time around an instant for which periods of a player's own days are computed together."""


def period_of(schedule: Schedule, instant: Instant, zones: Zones = NO_ZONES) -> Period:
    """Return the period that an event at the instant counts for, of a player who has named these zones."""
    period = counted_period(schedule, instant, zones)
    assert period is not None, f"{schedule.text} has no period at {instant}"
    return period


def counted_period(schedule: Schedule, instant: Instant, zones: Zones = NO_ZONES) -> Period | None:
    """Return the same; None outside the season or the window, whose hours must be those of UTC."""
    if schedule.window is not None and not _is_open(schedule.window, instant):
        return None
    return shown_period(schedule, instant, zones)


def shown_period(schedule: Schedule, instant: Instant, zones: Zones = NO_ZONES) -> Period | None:
    """Return the period that contains the instant, whether its window is open or closed; None outside the season."""
    run = None
    if schedule.season is not None:
        run = next((run for run in schedule.season.runs if run.start <= instant < run.end), None)
        if run is None:
            return None
    if schedule.recurrence is None:
        return LIFETIME_PERIOD if run is None else Period(run.start, run.end)
    assert isinstance(schedule.recurrence, Recurrence)
    if schedule.by_player:
        period = _defined_period(schedule.recurrence, zones, instant)
    else:
        period = schedule.recurrence.period_at(instant)
    if run is None or period.end is None:
        return period
    return Period(max(period.start, run.start), min(period.end, run.end))


def last_period(schedule: Schedule, now: Instant, zones: Zones = NO_ZONES) -> Period | None:
    """Return the last period of the season's last run that is over; None without a season and before its end."""
    ends = [] if schedule.season is None else [run.end for run in schedule.season.runs if run.end <= now]
    return shown_period(schedule, max(ends) - 1, zones) if ends else None


def _is_open(window: Window, instant: Instant) -> bool:
    day, moment = divmod(instant, DAY)
    weekday, opens, closes = (day + 3) % 7, window.opens * MINUTE, window.closes * MINUTE
    if closes > opens:
        return weekday in window.weekdays and opens <= moment < closes
    # It closes on the day after the one on which it opens.
    return (weekday in window.weekdays and moment >= opens) or (
        (weekday - 1) % 7 in window.weekdays and moment < closes
    )


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
