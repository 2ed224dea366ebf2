"""Periods that follow a player's time zone, compared with their definition, period by period."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.player_zones import (
    SINCE_EVER,
    ZONE_CHANGE_INTERVAL,
    ZONES_MAX,
    NamedZone,
    PlayerRecurrence,
    ZoneRefused,
    Zones,
    with_zone,
)
from shared.domain.recurrence import Every, Recurrence, every_days
from shared.domain.schedules import WEEKLY, Schedule
from tests.support.periods import defined_periods

ZONES = ("Europe/Paris", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe")
FIRST: Instant = 20_400 * DAY
LAST: Instant = FIRST + 60 * DAY

recurrences = st.sampled_from(
    [
        Recurrence(Every.DAY, by_player=True),
        Recurrence(Every.DAY, at=5 * 60, zone="America/New_York", by_player=True),
        Recurrence(Every.WEEK, weekday=1, by_player=True),
        every_days(3, 0, by_player=True),
    ]
)
instants = st.integers(FIRST, LAST)


@st.composite
def named_zones(draw: st.DrawFn, interval: Instant = 0, size_max: int = 6) -> Zones:
    """Draw zones in order of time, each another one than the one before."""
    zones: list[NamedZone] = []
    for instant in sorted(draw(st.sets(instants | st.just(SINCE_EVER), max_size=size_max))):
        zone = draw(st.sampled_from(ZONES))
        if zones and (zones[-1].zone == zone or instant < zones[-1].instant + interval):
            continue
        zones.append(NamedZone(instant, zone))
    return tuple(zones)


@given(recurrences, named_zones())
def test_periods_are_those_of_the_definition(recurrence: Recurrence, zones: Zones) -> None:
    found = PlayerRecurrence(recurrence, zones)
    for period in defined_periods(recurrence, zones, FIRST, LAST):
        assert period.end is not None
        assert found.period_at(period.start) == found.period_at(period.end - 1) == period


@given(recurrences, named_zones(), instants)
def test_periods_tile_time(recurrence: Recurrence, zones: Zones, instant: Instant) -> None:
    found = PlayerRecurrence(recurrence, zones)
    start, end = found.period_at(instant)
    assert end is not None
    assert start <= instant < end
    assert found.period_at(end).start == end
    assert found.period_at(start - 1).end == start


@given(recurrences, named_zones())
def test_numbers_of_periods_count_up_through_changes_of_zone(recurrence: Recurrence, zones: Zones) -> None:
    found = PlayerRecurrence(recurrence, zones)
    periods = defined_periods(recurrence, zones, FIRST, LAST)
    for number, period in enumerate(periods, start=found.number_at(periods[0].start)):
        assert period.end is not None
        assert found.number_at(period.start) == found.number_at(period.end - 1) == number


@given(recurrences, named_zones(), instants, st.sampled_from(ZONES))
def test_naming_a_zone_leaves_the_numbers_of_periods_that_have_begun(
    recurrence: Recurrence, zones: Zones, now: Instant, zone: str
) -> None:
    named = (*(each for each in zones if each.instant < now), NamedZone(now, zone))
    before, after = PlayerRecurrence(recurrence, named[:-1]), PlayerRecurrence(recurrence, named)
    assert before.number_at(now) == after.number_at(now)


@given(recurrences, named_zones(), st.sampled_from(ZONES), st.integers(0, 20 * DAY))
def test_another_zone_moves_no_current_period_and_no_start_for_half_a_period(
    recurrence: Recurrence, zones: Zones, zone: str, later: Instant
) -> None:
    now = max([FIRST, *(instant for instant, _ in zones)]) + 1 + later
    before = PlayerRecurrence(recurrence, zones)
    after = PlayerRecurrence(recurrence, (*zones, NamedZone(now, zone)))
    assert after.period_at(now) == before.period_at(now)
    half = {Every.DAY: DAY, Every.WEEK: 7 * DAY}.get(recurrence.every, recurrence.days * DAY) // 2
    for instant in (now - 3 * DAY, now - HOUR, now + HOUR, now + half - 1):
        assert after.period_at(instant).start == before.period_at(instant).start


@settings(max_examples=30)
@given(named_zones(interval=ZONE_CHANGE_INTERVAL, size_max=12))
def test_changes_of_zone_gain_at_most_one_day_in_fourteen(zones: Zones) -> None:
    periods = defined_periods(Recurrence(Every.DAY, by_player=True), zones, FIRST, LAST)
    starts = [period.start for period in periods]
    for first in range(0, len(starts), 5):
        for last in range(first + 1, len(starts)):
            days = (starts[last] - starts[first]) / DAY
            assert last - first <= days + days / 14 + 1
    assert all(other - one >= 12 * HOUR - HOUR for one, other in pairwise(starts))


def test_the_first_zone_is_named_at_any_time_and_another_a_week_later() -> None:
    paris = NamedZone(FIRST, "Europe/Paris")
    assert with_zone((), "Europe/Paris", FIRST) == (paris,)
    assert with_zone((paris,), "Europe/Paris", FIRST + 1) == (paris,)
    assert with_zone((paris,), "Asia/Kolkata", FIRST + 7 * DAY - 1) == ZoneRefused(FIRST + 7 * DAY)
    assert with_zone((paris,), "Asia/Kolkata", FIRST + 7 * DAY) == (paris, NamedZone(FIRST + 7 * DAY, "Asia/Kolkata"))


def test_no_more_than_a_hundred_zones_are_kept() -> None:
    zones = (NamedZone(FIRST, "UTC"),) * ZONES_MAX
    assert with_zone(zones, "UTC", LAST) == zones
    assert with_zone(zones, "Asia/Kolkata", LAST) == ZoneRefused(None)


@given(recurrences, named_zones(), instants)
def test_a_schedule_of_a_player_has_the_periods_of_the_player(
    recurrence: Recurrence, zones: Zones, instant: Instant
) -> None:
    schedule = Schedule(recurrence)
    of_player = schedule.of_player(zones)
    assert of_player.text == schedule.text
    assert of_player.period_at(instant) == PlayerRecurrence(recurrence, zones).period_at(instant)
    assert WEEKLY.of_player(zones) is WEEKLY
