"""Periods tile time: every instant lies in exactly one, and where one ends the next begins."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.instant import DAY, Instant, to_datetime, to_instant
from shared.domain.periods import DAILY, LIFETIME, LIFETIME_START, MONTHLY, WEEKLY, Period, Schedule, periods_from

restarting = st.sampled_from([DAILY, WEEKLY, MONTHLY])
instants = st.integers(0, 300 * 365 * DAY)


@given(restarting, instants)
def test_periods_tile_time(schedule: Schedule, instant: Instant) -> None:
    start, end = schedule.period_at(instant)
    assert end is not None
    assert start <= instant < end
    assert schedule.period_at(start) == schedule.period_at(end - 1) == (start, end)
    assert schedule.period_at(end).start == end


@given(instants)
def test_the_lifetime_never_restarts(instant: Instant) -> None:
    assert LIFETIME.period_at(instant) == Period(LIFETIME_START, None)
    assert periods_from(LIFETIME, 0, instant) == (Period(LIFETIME_START, None),)


@given(restarting, instants)
def test_periods_begin_at_calendar_boundaries(schedule: Schedule, instant: Instant) -> None:
    start = to_datetime(schedule.period_at(instant).start)
    assert (start.hour, start.minute, start.second, start.microsecond) == (0, 0, 0, 0)
    assert schedule is not WEEKLY or start.isoweekday() == 1
    assert schedule is not MONTHLY or start.day == 1


@given(restarting, instants, st.integers(0, 40 * DAY))
def test_periods_from_an_instant_end_with_the_one_after_now(schedule: Schedule, first: Instant, until_now: int) -> None:
    now = first + until_now
    periods = periods_from(schedule, first, now)
    assert periods[0] == schedule.period_at(first)
    assert all(one.end == other.start for one, other in pairwise(periods))
    assert periods[-2] == schedule.period_at(now)


@pytest.mark.parametrize(("month", "days"), [("2024-02", 29), ("2025-02", 28), ("2025-12", 31)])
def test_months_have_the_length_of_their_year(month: str, days: int) -> None:
    middle = to_instant(datetime.fromisoformat(f"{month}-15T12:00:00+00:00"))
    start, end = MONTHLY.period_at(middle)
    assert end is not None
    assert (end - start) // DAY == days
