"""The periods that goals are shown in, around boundaries and seasons."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.current_periods import NO_PERIODS, current_periods, shown_periods
from shared.domain.instant import DAY, HOUR, Instant, Period
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import CLAIM_GRACE_DEFAULT, DAILY, Schedule, Season, SeasonRun
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY

FIRST: Instant = FIRST_DAY * DAY
RUNS = (
    SeasonRun(FIRST + 2 * DAY + HOUR, FIRST + 4 * DAY),
    SeasonRun(FIRST + 30 * DAY, FIRST + 31 * DAY),
)
WINTER_DAY = Schedule(Recurrence(Every.DAY), season=Season("winter", RUNS))
CATALOGUE = catalogue_of(goal("ever"), goal("daily", schedule=DAILY), goal("snow", schedule=WINTER_DAY))
DAY_TEXT, SNOW_TEXT = DAILY.text, WINTER_DAY.text
ONE, TWO = RUNS
LAST_DAY = Period(ONE.end - DAY, ONE.end)


def test_goals_for_the_lifetime_have_no_periods() -> None:
    plain = catalogue_of(goal("ever"))
    assert current_periods(plain, FIRST) is shown_periods(plain, FIRST) is NO_PERIODS


def test_before_its_season_a_goal_is_hidden_and_upcoming() -> None:
    for now in (FIRST, ONE.start - 1, TWO.start - 1):
        shown = shown_periods(CATALOGUE, now)
        assert set(shown.periods) == {DAY_TEXT}
        assert shown.hidden == shown.upcoming == {"snow"}


def test_a_period_is_clipped_to_the_season() -> None:
    shown = shown_periods(CATALOGUE, ONE.start)
    assert shown.periods[SNOW_TEXT] == Period(ONE.start, FIRST + 3 * DAY)
    assert shown.starts == {"daily": FIRST + 2 * DAY, "snow": ONE.start}
    assert not shown.hidden


def test_after_a_season_its_last_period_is_shown_until_claims_end() -> None:
    for now in (ONE.end, ONE.end + CLAIM_GRACE_DEFAULT - 1):
        shown = shown_periods(CATALOGUE, now)
        assert shown.periods[SNOW_TEXT] == LAST_DAY
        assert shown.ended == {SNOW_TEXT}
        assert not shown.hidden
        assert SNOW_TEXT not in current_periods(CATALOGUE, now).periods
    assert shown_periods(CATALOGUE, ONE.end + CLAIM_GRACE_DEFAULT).hidden == {"snow"}


def test_after_the_last_season_a_goal_is_not_upcoming() -> None:
    shown = shown_periods(CATALOGUE, TWO.end + CLAIM_GRACE_DEFAULT)
    assert shown.hidden == {"snow"}
    assert not shown.upcoming


@given(st.integers(FIRST, FIRST + 45 * DAY), st.integers(0, 3 * DAY))
def test_periods_are_computed_once_between_two_boundaries(now: Instant, later: int) -> None:
    known = shown_periods(CATALOGUE, now)
    same = shown_periods(CATALOGUE, now + later)
    fresh = shown_periods(catalogue_of(*CATALOGUE.goals.values()), now + later)
    assert known.since <= now < known.until
    assert (same is known) == (now + later < known.until)
    assert same._replace(since=0, until=0) == fresh._replace(since=0, until=0)
