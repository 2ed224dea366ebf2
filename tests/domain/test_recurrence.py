"""Recurrences follow the calendar and the clocks of their zone."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.instant import DAY, Instant, Period, to_datetime, to_day, to_instant
from shared.domain.recurrence import Every, Recurrence, every_days
from shared.domain.time_zones import zone_names

HALF_PAST_TWO = 150
FIVE = 300
APIA = "Pacific/Apia"


def instant(text: str) -> Instant:
    return to_instant(datetime.fromisoformat(text))


def bounds(recurrence: Recurrence, inside: str) -> tuple[str, str]:
    start, end = recurrence.period_at(instant(inside))
    assert end is not None
    return tuple(to_datetime(each).strftime("%Y-%m-%d %H:%M") for each in (start, end))  # type: ignore[return-value]


GOLDEN = [
    pytest.param(Recurrence(Every.DAY), "2026-12-31T12:00Z", "2026-12-31 00:00", "2027-01-01 00:00", id="year end"),
    pytest.param(
        Recurrence(Every.DAY, FIVE, "Europe/Paris"),
        "2026-11-28T03:59Z", "2026-11-27 04:00", "2026-11-28 04:00", id="a minute before the reset",
    ),
    pytest.param(
        Recurrence(Every.DAY, zone="Pacific/Kiritimati"),
        "2026-11-28T10:00Z", "2026-11-28 10:00", "2026-11-29 10:00", id="14 hours ahead",
    ),
    pytest.param(
        Recurrence(Every.DAY, zone="Etc/GMT+12"),
        "2026-11-28T11:59Z", "2026-11-27 12:00", "2026-11-28 12:00", id="12 hours behind",
    ),
    pytest.param(
        Recurrence(Every.DAY, HALF_PAST_TWO, "Europe/Berlin"),
        "2026-03-29T12:00Z", "2026-03-29 01:00", "2026-03-30 00:30", id="a skipped reset is after the gap",
    ),
    pytest.param(
        Recurrence(Every.DAY, HALF_PAST_TWO, "Europe/Berlin"),
        "2026-10-25T12:00Z", "2026-10-25 00:30", "2026-10-26 01:30", id="a reset shown twice is the first",
    ),
    pytest.param(
        Recurrence(Every.DAY, 135, "Australia/Lord_Howe"),
        "2026-10-03T16:00Z", "2026-10-03 15:30", "2026-10-04 15:15", id="a gap of half an hour",
    ),
    pytest.param(
        Recurrence(Every.DAY, 105, "Australia/Lord_Howe"),
        "2026-04-05T00:00Z", "2026-04-04 14:45", "2026-04-05 15:15", id="half an hour shown twice",
    ),
    pytest.param(
        Recurrence(Every.DAY, zone="America/Santiago"),
        "2026-09-06T12:00Z", "2026-09-06 04:00", "2026-09-07 03:00", id="midnight is skipped",
    ),
    pytest.param(
        Recurrence(Every.DAY, zone="America/Santiago"),
        "2026-04-04T12:00Z", "2026-04-04 03:00", "2026-04-05 04:00", id="the last hour of a day is shown twice",
    ),
    pytest.param(
        Recurrence(Every.DAY, zone=APIA),
        "2011-12-30T09:59Z", "2011-12-29 10:00", "2011-12-30 10:00", id="a date that does not exist has no period",
    ),
    pytest.param(
        Recurrence(Every.DAY, FIVE, APIA),
        "2011-12-30T10:00Z", "2011-12-29 15:00", "2011-12-30 15:00", id="nor part of one",
    ),
    pytest.param(
        Recurrence(Every.MONTH, FIVE, APIA, month_day=30),
        "2012-01-10T00:00Z", "2011-12-30 10:00", "2012-01-29 15:00", id="a month starts after that date",
    ),
    pytest.param(Recurrence(Every.WEEK), "2026-11-29T23:59Z", "2026-11-23 00:00", "2026-11-30 00:00", id="Sunday"),
    pytest.param(
        Recurrence(Every.WEEK, FIVE, weekday=1),
        "2026-11-24T04:59Z", "2026-11-17 05:00", "2026-11-24 05:00", id="Tuesday before the reset",
    ),
    pytest.param(
        Recurrence(Every.MONTH, month_day=31),
        "2028-02-29T12:00Z", "2028-02-29 00:00", "2028-03-31 00:00", id="29 February is the last of its month",
    ),
    pytest.param(
        Recurrence(Every.MONTH, month_day=31),
        "2026-03-30T12:00Z", "2026-02-28 00:00", "2026-03-31 00:00", id="28 February is the last of its month",
    ),
    pytest.param(
        Recurrence(Every.MONTH, month_day=15),
        "2027-01-14T12:00Z", "2026-12-15 00:00", "2027-01-15 00:00", id="a month over the year's end",
    ),
    pytest.param(Recurrence(Every.YEAR), "2028-12-31T23:59Z", "2028-01-01 00:00", "2029-01-01 00:00", id="leap year"),
    pytest.param(
        Recurrence(Every.YEAR, month=2, month_day=29),
        "2028-02-28T12:00Z", "2027-02-28 00:00", "2028-02-29 00:00", id="year from 29 February",
    ),
    pytest.param(
        Recurrence(Every.YEAR, FIVE, "Asia/Tokyo", month=3),
        "2026-02-28T19:59Z", "2025-02-28 20:00", "2026-02-28 20:00", id="fiscal year",
    ),
    pytest.param(
        every_days(3, to_day(date(2026, 1, 5)), at=FIVE),
        "2026-01-08T04:59Z", "2026-01-05 05:00", "2026-01-08 05:00", id="three days",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("recurrence", "inside", "start", "end"), GOLDEN)
def test_periods_have_the_bounds_that_clocks_show(recurrence: Recurrence, inside: str, start: str, end: str) -> None:
    assert bounds(recurrence, inside) == (start, end)


@pytest.mark.parametrize(
    ("recurrence", "text"),
    [
        (Recurrence(Every.DAY, FIVE, "Europe/Paris"), "day@05:00/Europe/Paris"),
        (Recurrence(Every.DAY, zone="Europe/Paris", by_player=True), "day/player(Europe/Paris)"),
        (Recurrence(Every.WEEK, FIVE, weekday=1), "week:tue@05:00/UTC"),
        (Recurrence(Every.MONTH, month_day=15), "month:15/UTC"),
        (Recurrence(Every.YEAR, month=3), "year:03-01/UTC"),
        (Recurrence(Every.YEAR), "year/UTC"),
        (every_days(3, 4, at=FIVE), "3d:1970-01-02@05:00/UTC"),
    ],
)
def test_texts_leave_out_what_has_its_default(recurrence: Recurrence, text: str) -> None:
    assert recurrence.text == text


def test_equal_meaning_has_equal_text() -> None:
    assert every_days(3, 20_458) == every_days(3, 20_461)
    assert every_days(1, 20_458) == Recurrence(Every.DAY)
    assert every_days(7, 5) == Recurrence(Every.WEEK, weekday=1)


minutes = st.integers(0, 24 * 60 - 1)
zones = st.sampled_from(sorted(zone_names()))
recurrences = st.one_of(
    st.builds(Recurrence, st.just(Every.DAY), minutes, zones),
    st.builds(Recurrence, st.just(Every.WEEK), minutes, zones, weekday=st.integers(0, 6)),
    st.builds(Recurrence, st.just(Every.MONTH), minutes, zones, month_day=st.integers(1, 31)),
    st.builds(
        Recurrence, st.just(Every.YEAR), minutes, zones, month=st.integers(1, 12), month_day=st.integers(1, 31)
    ),
    st.builds(every_days, st.integers(2, 30), st.integers(0, 30_000), at=minutes, zone=zones),
)  # fmt: skip
TEN_YEARS = (instant("2021-01-01T00:00Z"), instant("2031-01-01T00:00Z"))


def assert_tiles(recurrence: Recurrence, inside: Instant) -> Period:
    """Check that the period has exactly these bounds at its ends too, and return the next one."""
    period = recurrence.period_at(inside)
    assert period.end is not None
    assert period.start <= inside < period.end
    assert recurrence.period_at(period.start) == recurrence.period_at(period.end - 1) == period
    following = recurrence.period_at(period.end)
    assert following.start == period.end
    assert recurrence.period_at(period.start - 1).end == period.start
    return following


@settings(max_examples=200)
@given(recurrences, st.integers(*TEN_YEARS))
def test_periods_of_every_zone_tile_ten_years(recurrence: Recurrence, inside: Instant) -> None:
    following = assert_tiles(recurrence, inside)
    number = recurrence.number_at(inside)
    assert recurrence.number_at(following.start - 1) == number
    assert recurrence.number_at(following.start) == number + 1


@pytest.mark.parametrize("at", [0, 15, HALF_PAST_TWO, 1_425])
@pytest.mark.parametrize(
    "zone", ["Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca", "Asia/Gaza", "Europe/London"]
)
def test_days_of_zones_that_change_their_clocks_tile_a_year_without_exception(zone: str, at: int) -> None:
    recurrence = Recurrence(Every.DAY, at, zone)
    period = recurrence.period_at(instant("2026-01-01T12:00Z"))
    for _ in range(365):
        assert period.end is not None
        following = recurrence.period_at(period.end)
        assert following.start == period.end
        assert recurrence.period_at(period.end - 1) == period
        period = following
    assert period.start // DAY in range(instant("2026-12-31T00:00Z") // DAY, instant("2027-01-03T00:00Z") // DAY)


@pytest.mark.parametrize("at", [0, FIVE, 1_425])
@pytest.mark.parametrize("zone", [APIA, "Pacific/Kwajalein", "Pacific/Enderbury"])
def test_days_around_a_date_that_does_not_exist_tile_time(zone: str, at: int) -> None:
    skips = {APIA: "2011-12-25", "Pacific/Kwajalein": "1993-08-15", "Pacific/Enderbury": "1994-12-25"}
    inside = instant(f"{skips[zone]}T12:00Z")
    for _ in range(12):
        following = assert_tiles(Recurrence(Every.DAY, at, zone), inside)
        assert following.end is not None
        assert 12 * 3_600_000_000 < following.end - following.start < 36 * 3_600_000_000
        inside = following.start
