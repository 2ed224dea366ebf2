"""Comparison of a process's clock with the database's."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.domain.clock_comparison import (
    DIFFERENCE_MAX,
    ERROR_MAX,
    READINGS_MIN,
    Agreement,
    ClockComparison,
    Now,
    Reading,
    now_by_both,
)
from shared.domain.instant import DAY, HOUR, MICROSECOND, SECOND, Instant

NOW = 1_700_000_000 * SECOND
BOOT = NOW - 1_000 * SECOND
"""When the monotonic clock was zero."""


def reading(after: Instant = 0, *, process: Instant = 0, database: Instant = 0, error: Instant = 0) -> Reading:
    """Return a reading `after` the first, with clocks that are ahead by `process` and `database`."""
    return Reading(NOW + after + process, NOW + after - BOOT, NOW + after + database, error)


def compared(*readings: Reading) -> ClockComparison:
    comparison = ClockComparison()
    for each in readings:
        comparison.add(each)
    return comparison


def test_without_a_reading_nothing_is_known() -> None:
    assert ClockComparison().agreement is Agreement.UNKNOWN


@pytest.mark.parametrize("ahead", [0, DIFFERENCE_MAX, -DIFFERENCE_MAX])
def test_clocks_that_differ_little_agree(ahead: Instant) -> None:
    assert compared(reading(process=ahead)).agreement is Agreement.AGREED


def test_a_difference_within_the_error_of_the_reading_is_none() -> None:
    assert compared(reading(process=DIFFERENCE_MAX + SECOND // 4, error=SECOND // 4)).agreement is Agreement.AGREED


@pytest.mark.parametrize("ahead", [10 * DAY, -HOUR, 4 * DAY, DIFFERENCE_MAX + 1])
def test_a_process_that_starts_with_a_wrong_clock_is_wrong_after_three_readings(ahead: Instant) -> None:
    readings = [reading(number * SECOND, process=ahead) for number in range(READINGS_MIN)]
    assert compared(*readings[:1]).agreement is Agreement.DIFFERENT
    assert compared(*readings[: READINGS_MIN - 1]).agreement is Agreement.DIFFERENT
    assert compared(*readings).agreement is Agreement.PROCESS_WRONG


@pytest.mark.parametrize("jump", [10 * DAY, -HOUR])
def test_the_clock_that_jumped_is_at_fault(jump: Instant) -> None:
    good = reading()
    of_process = [reading(number * SECOND, process=jump) for number in range(1, READINGS_MIN + 1)]
    of_database = [reading(number * SECOND, database=jump) for number in range(1, READINGS_MIN + 1)]
    assert compared(good, *of_process).agreement is Agreement.PROCESS_WRONG
    assert compared(good, *of_database).agreement is Agreement.DATABASE_STEPPED


def test_clocks_that_agree_again_are_trusted_at_once() -> None:
    readings = [reading(number * SECOND, process=DAY) for number in range(READINGS_MIN)]
    assert compared(*readings, reading(9 * SECOND)).agreement is Agreement.AGREED


def test_a_slow_reading_changes_nothing() -> None:
    comparison = compared(reading(), *[reading(SECOND, process=DAY, error=ERROR_MAX + 1)] * READINGS_MIN)
    assert comparison.agreement is Agreement.AGREED
    assert comparison.latest == reading()


def test_before_the_first_reading_the_present_is_not_confirmed() -> None:
    assert now_by_both(NOW, 5, None) == Now(NOW, NOW, confirmed=False)


@given(st.integers(-20 * DAY, 20 * DAY), st.integers(0, ERROR_MAX), st.integers(0, HOUR))
@example(1, 0, 0)
def test_the_present_spans_both_clocks(ahead: Instant, error: Instant, later: Instant) -> None:
    latest = reading(process=ahead, error=error)
    now = now_by_both(NOW + ahead + later, latest.monotonic + later, latest)
    assert now.confirmed
    assert now.earliest <= NOW + ahead + later <= now.latest
    if abs(ahead) > max(error, MICROSECOND):
        assert now.earliest <= NOW + later <= now.latest
    else:
        assert now == Now.at(NOW + ahead + later)


def test_a_clock_that_was_set_since_the_last_reading_shows_at_once() -> None:
    now = now_by_both(NOW + 10 * DAY, reading().monotonic, reading())
    assert now.latest == NOW + 10 * DAY
    assert abs(now.earliest - NOW) <= 1
