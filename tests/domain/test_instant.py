"""Integer instants agree with the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.instant import DAY, day_of, to_date, to_datetime, to_instant

moments = st.datetimes(timezones=st.just(UTC))


@given(moments)
def test_datetimes_round_trip_through_instants(moment: datetime) -> None:
    assert to_datetime(to_instant(moment)) == moment


@given(moments)
def test_the_day_of_an_instant_is_its_utc_date(moment: datetime) -> None:
    assert to_date(day_of(to_instant(moment))) == moment.date()


@given(moments, moments)
def test_instants_are_ordered_like_datetimes(one: datetime, other: datetime) -> None:
    assert (to_instant(one) < to_instant(other)) == (one < other)


def test_days_are_counted_from_1970() -> None:
    assert to_date(0) == date(1970, 1, 1)
    assert day_of(-1) == -1
    assert day_of(DAY) == 1
