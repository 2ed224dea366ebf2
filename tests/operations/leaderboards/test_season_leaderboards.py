"""Leaderboards follow schedules of their own zone, windows and seasons, and are final when their period is."""

from __future__ import annotations

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.errors import LeaderboardPeriodNotFound
from shared.domain.events import Event
from shared.domain.goal import LOGIN
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.leaderboard import LeaderboardMeasure
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import Schedule, Season, SeasonRun
from shared.domain.windows import Window
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards.leaderboard_periods import maintain_leaderboard_periods
from shared.operations.leaderboards.period_finish import FINAL_MARGIN, finish_leaderboard_periods
from shared.operations.leaderboards.read_leaderboards import LeaderboardPage, Leaderboards
from shared.postgres.database import Database
from tests.support.databases import soon
from tests.support.flushing import flush
from tests.support.leaderboards import board, catalogue_with, ranked_now
from tests.support.services import NOW, rows

HORIZON = 72 * HOUR
START, END = NOW - HOUR, NOW + 2 * DAY


def season_board(end: Instant = END) -> Catalogue:
    """Return a catalogue with a leaderboard of one season."""
    winter = Season("winter", (SeasonRun(START, end),))
    logins = board("logins", LeaderboardMeasure.EVENTS, LOGIN, Schedule(season=winter))
    return catalogue_with(logins, version=f"until {end}")


def log_in(database: Database, catalogue: Catalogue, user_id: str, time: Instant) -> None:
    flush(database, catalogue, [Event(f"{user_id} {time}", user_id, time, LOGIN)], soon())


def top(database: Database, catalogue: Catalogue, now: Instant, instant: Instant | None = None) -> LeaderboardPage:
    """Return the first players of the only leaderboard in the period of an instant, by default of now."""
    reader = Leaderboards(database)
    return reader.top(catalogue.leaderboards[0], now if instant is None else instant, 1, 10, now, soon())


def test_a_run_of_a_season_is_ranked_and_final_after_it(database: Database, database_url: str) -> None:
    catalogue = season_board()
    record_catalogue(database, catalogue, NOW, soon())
    for user_id, time in [("before", START - 1), ("first", START), ("last", END - 1), ("after", END)]:
        log_in(database, catalogue, user_id, time)
    ranked_now(database_url, catalogue)
    page = top(database, catalogue, NOW)
    assert [each.user_id for each in page.ranked] == ["first", "last"]
    assert (page.period, page.final) == ((START, END), False)
    with pytest.raises(LeaderboardPeriodNotFound):
        top(database, catalogue, END)
    over = END + HORIZON + FINAL_MARGIN
    assert finish_leaderboard_periods(database, HORIZON, over - 1) == 0
    assert finish_leaderboard_periods(database, HORIZON, over) == 1
    page = top(database, catalogue, over, END - 1)
    assert [each.user_id for each in page.ranked] == ["first", "last"]
    assert page.final
    maintain_leaderboard_periods(database, catalogue, HORIZON, over + 90 * DAY, soon())
    assert rows(database_url, "SELECT count(*) FROM leaderboard_period") == [(1,)]


def test_a_season_that_is_prolonged_is_final_later(database: Database) -> None:
    record_catalogue(database, season_board(), NOW, soon())
    longer = season_board(END + 5 * DAY)
    record_catalogue(database, longer, NOW + DAY, soon())
    log_in(database, longer, "late", END + 4 * DAY)
    assert finish_leaderboard_periods(database, HORIZON, END + HORIZON + FINAL_MARGIN) == 0
    assert finish_leaderboard_periods(database, HORIZON, END + 5 * DAY + HORIZON + FINAL_MARGIN) == 1
    page = top(database, longer, NOW + 90 * DAY, START)
    assert [each.user_id for each in page.ranked] == ["late"]


def test_only_the_hours_of_a_window_are_ranked(database: Database, database_url: str) -> None:
    # The reset is at 04:00 UTC, the hours are 16:00 to 18:00 UTC of each day.
    evening = Window(opens=18 * 60, closes=20 * 60)
    schedule = Schedule(Recurrence(Every.DAY, 6 * 60, "Africa/Cairo"), evening, id="happy hour")
    catalogue = catalogue_with(board("logins", LeaderboardMeasure.EVENTS, LOGIN, schedule))
    day = NOW - NOW % DAY
    record_catalogue(database, catalogue, NOW, soon())
    for user_id, time in [("early", day + 16 * HOUR - 1), ("happy", day + 16 * HOUR), ("late", day + 18 * HOUR)]:
        log_in(database, catalogue, user_id, time)
    ranked_now(database_url, catalogue)
    page = top(database, catalogue, NOW)
    assert [each.user_id for each in page.ranked] == ["happy"]
    assert page.period == (day + 4 * HOUR, day + 28 * HOUR)
