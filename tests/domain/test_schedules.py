"""Periods tile time: every instant lies in exactly one, and where one ends the next begins."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import spans
from shared.domain.instant import DAY, HOUR, LIFETIME_START, SECOND, Instant, Period, to_datetime, to_instant
from shared.domain.recurrence import Every, Recurrence
from shared.domain.rotation import PAST_PERIODS_MAX, claim_end, past_periods, periods_from, rotation_at
from shared.domain.schedules import CLAIM_GRACE_DEFAULT, DAILY, LIFETIME, MONTHLY, WEEKLY, Schedule, Season, SeasonRun
from shared.domain.windows import Window
from tests.support.periods import period_of

restarting = st.sampled_from([DAILY, WEEKLY, MONTHLY])
instants = st.integers(0, 300 * 365 * DAY)

MONDAY = to_instant(datetime.fromisoformat("2026-11-23T00:00:00+00:00"))
RUNS = SeasonRun(MONDAY + 2 * DAY, MONDAY + 4 * DAY), SeasonRun(MONDAY + 9 * DAY, MONDAY + 9 * DAY + HOUR)
WINTER = Season("winter", RUNS)
WEEKEND = Schedule(Recurrence(Every.WEEK), window=Window((5, 6)))


def test_texts_of_the_first_schedules_are_permanent() -> None:
    texts = [LIFETIME.text, DAILY.text, WEEKLY.text, MONTHLY.text]
    assert texts == ["lifetime", "day/UTC", "week/UTC", "month/UTC"]


def test_texts_contain_everything_that_decides_where_an_event_counts() -> None:
    schedule = Schedule(Recurrence(Every.WEEK, at=300), Window((5, 6), 18 * 60, 60), WINTER, id="x", claim_grace=DAY)
    assert schedule.text == "week@05:00/UTC;window=sat,sun@18:00-01:00;season=winter"
    assert Schedule(season=WINTER).text == "lifetime;season=winter"


def test_schedules_with_the_same_text_are_equal_whatever_they_are_called() -> None:
    named = Schedule(Recurrence(Every.DAY), id="daily", claim_grace=DAY)
    assert {named, DAILY} == {DAILY}


@given(restarting, instants)
def test_periods_tile_time(schedule: Schedule, instant: Instant) -> None:
    start, end = period_of(schedule, instant)
    assert end is not None
    assert start <= instant < end
    assert schedule.period_at(start) == schedule.period_at(end - 1) == (start, end)
    assert period_of(schedule, end).start == end
    assert schedule.number_at(end) == schedule.number_at(instant) + 1


def test_a_season_numbers_its_runs_and_leaves_the_numbers_of_days() -> None:
    whole, days = Schedule(season=WINTER), Schedule(Recurrence(Every.DAY, at=300), season=WINTER)
    assert [whole.number_at(run.start) for run in RUNS] == [1, 2]
    assert [days.number_at(run.start) for run in RUNS] == [MONDAY // DAY + 1, MONDAY // DAY + 8]


@given(instants)
def test_the_lifetime_never_restarts(instant: Instant) -> None:
    assert LIFETIME.period_at(instant) == Period(LIFETIME_START, None)
    assert periods_from(LIFETIME, 0, instant) == (Period(LIFETIME_START, None),)
    assert rotation_at(LIFETIME, instant) == (LIFETIME, Period(LIFETIME_START, None), None, True, None)
    assert past_periods(LIFETIME, instant) == ()


@given(restarting, instants)
def test_periods_begin_at_calendar_boundaries(schedule: Schedule, instant: Instant) -> None:
    start = to_datetime(period_of(schedule, instant).start)
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
    start, end = period_of(MONTHLY, middle)
    assert end is not None
    assert (end - start) // DAY == days


def test_periods_are_clipped_to_the_runs_of_a_season() -> None:
    weekly = Schedule(Recurrence(Every.WEEK, weekday=3), season=WINTER)
    first, last = WINTER.runs
    assert weekly.period_at(first.start - 1) is None
    assert weekly.period_at(first.start) == Period(first.start, MONDAY + 3 * DAY)
    assert weekly.period_at(first.end - 1) == Period(MONDAY + 3 * DAY, first.end)
    assert weekly.period_at(first.end) is None
    assert weekly.period_at(last.end - 1) == Period(*last)
    assert weekly.period_at(last.end) is None


def test_runs_are_the_periods_of_a_season_without_recurrence() -> None:
    schedule = Schedule(season=WINTER)
    first, last = WINTER.runs
    assert schedule.period_at(first.start) == Period(*first)
    assert rotation_at(schedule, 0) == (schedule, None, Period(*first), False, first.start)
    assert rotation_at(schedule, first.start) == (schedule, Period(*first), Period(*last), True, first.end)
    assert rotation_at(schedule, first.end) == (schedule, None, Period(*last), False, last.start)
    assert rotation_at(schedule, last.start) == (schedule, Period(*last), None, True, last.end)
    assert rotation_at(schedule, last.end) == (schedule, None, None, False, None)
    assert periods_from(schedule, 0, first.start) == (Period(*first), Period(*last))
    assert periods_from(schedule, last.end, last.end) == ()


def test_events_outside_a_window_belong_to_no_period_although_one_is_shown() -> None:
    saturday = MONDAY + 5 * DAY
    week = Period(MONDAY, MONDAY + 7 * DAY)
    assert WEEKEND.period_at(saturday - 1) is None
    assert WEEKEND.period_at(saturday) == WEEKEND.period_at(MONDAY + 7 * DAY - 1) == week
    assert WEEKEND.period_at(MONDAY + 7 * DAY) is None
    assert WEEKEND.shown_at(MONDAY) == WEEKEND.shown_at(saturday) == week
    following = Period(MONDAY + 7 * DAY, MONDAY + 14 * DAY)
    assert rotation_at(WEEKEND, MONDAY) == (WEEKEND, week, following, False, saturday)
    assert rotation_at(WEEKEND, saturday + HOUR) == (WEEKEND, week, following, True, MONDAY + 7 * DAY)


def test_a_window_may_last_beyond_midnight_and_a_reset() -> None:
    late = Schedule(Recurrence(Every.DAY), window=Window((4,), 22 * 60, 2 * 60))
    friday = MONDAY + 4 * DAY
    assert late.period_at(friday + 22 * HOUR - 1) is None
    assert late.period_at(friday + 22 * HOUR) == Period(friday, friday + DAY)
    assert late.period_at(friday + 26 * HOUR - 1) == Period(friday + DAY, friday + 2 * DAY)
    assert late.period_at(friday + 26 * HOUR) is None


def test_hours_that_clocks_skip_never_open_a_window() -> None:
    night = Schedule(Recurrence(Every.DAY, zone="Europe/Berlin"), window=Window((6,), 125, 150))
    skipped = to_instant(datetime.fromisoformat("2026-03-29T03:00:00+02:00"))
    assert all(night.period_at(skipped + offset) is None for offset in range(-HOUR, HOUR, 60 * SECOND))


def test_days_last_from_reset_to_reset_in_the_zone_of_the_schedule() -> None:
    paris = Schedule(Recurrence(Every.WEEK, 5 * 60, "Europe/Paris"))
    reset = MONDAY + 4 * HOUR
    monday = MONDAY // DAY
    assert [paris.day_at(time) for time in (reset - 1, reset, reset + DAY - 1)] == [monday - 1, monday, monday]
    in_utc = [LIFETIME, WEEKLY, Schedule(season=WINTER)]
    assert {schedule.day_at(MONDAY + DAY - 1) for schedule in in_utc} == {monday}
    week = period_of(paris, MONDAY)
    assert week.end is not None
    assert len({paris.day_at(time) for time in range(week.start, week.end, HOUR)}) == 7


def test_past_periods_end_with_the_claim_grace() -> None:
    now = MONDAY + HOUR
    daily = Schedule(Recurrence(Every.DAY), claim_grace=2 * DAY + HOUR)
    assert past_periods(daily, now) == (Period(MONDAY - DAY, MONDAY), Period(MONDAY - 2 * DAY, MONDAY - DAY))
    assert claim_end(daily, Period(MONDAY - DAY, MONDAY)) == MONDAY + 2 * DAY + HOUR
    assert claim_end(LIFETIME, Period(LIFETIME_START, None)) is None
    assert len(past_periods(Schedule(Recurrence(Every.DAY), claim_grace=366 * DAY), now)) == PAST_PERIODS_MAX


def test_past_periods_of_a_season_outlast_it_by_the_claim_grace() -> None:
    run = WINTER.runs[0]
    schedule = Schedule(season=Season("winter", (run,)))
    first = Period(*run)
    assert past_periods(schedule, run.end - 1) == ()
    assert past_periods(schedule, run.end) == past_periods(schedule, run.end + CLAIM_GRACE_DEFAULT - 1) == (first,)
    assert first not in past_periods(schedule, run.end + CLAIM_GRACE_DEFAULT)


def test_memoised_periods_are_bounded_and_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "SPANS_MAX", 8)
    schedule = Schedule(Recurrence(Every.DAY))
    for day in [*range(20), *range(40, 0, -3), *range(20)]:
        assert schedule.period_at(day * DAY + HOUR) == Period(day * DAY, (day + 1) * DAY)
