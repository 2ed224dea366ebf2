"""Periods are open while events may change them and final afterwards, and unused leaderboards are retired."""

from __future__ import annotations

import pytest

from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.goal import LOGIN
from shared.domain.instant import DAY, HOUR, Instant
from shared.domain.leaderboard import LeaderboardMeasure
from shared.domain.schedules import DAILY
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards.leaderboard_periods import (
    IN_USE_NOTE_INTERVAL,
    RETIRE_AFTER,
    maintain_leaderboard_periods,
    note_leaderboards_in_use,
)
from shared.operations.leaderboards.period_finish import FINAL_MARGIN, finish_leaderboard_periods
from shared.postgres.database import Database
from shared.postgres.leaderboards import leaderboard_periods
from shared.postgres.leaderboards.ranking_readers import FinalReader
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.leaderboards import board, catalogue_with
from tests.support.services import NOW, rows

TODAY = NOW // DAY * DAY
HORIZON = 72 * HOUR
LOGINS = board("daily", LeaderboardMeasure.EVENTS, LOGIN, DAILY)
POINTS = board("points")
BOTH = catalogue_with(LOGINS, POINTS)
WITHOUT = catalogue_with(POINTS, version="without")


def keep(database: Database, now: Instant, catalogue: Catalogue = BOTH) -> int:
    """Run one pass of the duty."""
    maintain_leaderboard_periods(database, catalogue, HORIZON, now, soon())
    return finish_leaderboard_periods(database, HORIZON, now)


def days(database_url: str, *, final: bool) -> list[int]:
    """Return the days of the daily leaderboard that are final or not, relative to today."""
    query = (
        "SELECT (date_part('epoch', period_start) * 1000000)::bigint FROM leaderboard_period"
        " WHERE board_id = 'daily' AND (final_time IS NOT NULL) = %s ORDER BY 1"
    )
    return [(start - TODAY) // DAY for (start,) in rows(database_url, query, final)]


def in_use(database_url: str) -> set[str]:
    return {board_id for (board_id,) in rows(database_url, "SELECT board_id FROM leaderboard WHERE in_use")}


def log_in(database: Database, catalogue: Catalogue, user_id: str, time: Instant) -> None:
    flush(database, catalogue, [Event(f"{user_id} {time}", user_id, time, LOGIN)], soon())


@pytest.fixture(autouse=True)
def recorded(database: Database) -> None:
    record_catalogue(database, BOTH, NOW, soon())


def test_every_period_that_can_receive_events_and_the_next_one_are_open(database: Database, database_url: str) -> None:
    assert keep(database, NOW) == 0
    assert days(database_url, final=False) == [-3, -2, -1, 0, 1]
    keep(database, NOW + DAY)
    assert days(database_url, final=False) == [-2, -1, 0, 1, 2]


def test_a_period_is_final_once_no_event_can_be_accepted_in_it(database: Database, database_url: str) -> None:
    keep(database, NOW)
    over = TODAY + DAY + HORIZON + FINAL_MARGIN
    keep(database, over - 1)
    assert max(days(database_url, final=True)) == -1
    assert keep(database, over) == 1
    assert max(days(database_url, final=True)) == 0
    assert keep(database, over) == 0


def test_a_late_event_counts_until_the_period_is_final(database: Database, database_url: str) -> None:
    keep(database, NOW)
    log_in(database, BOTH, "in time", NOW)
    last_chance = TODAY + DAY + HORIZON
    keep(database, last_chance)
    log_in(database, BOTH, "late", TODAY + DAY - 1)
    keep(database, last_chance + FINAL_MARGIN)
    log_in(database, BOTH, "much too late", TODAY)
    keep(database, last_chance + 9 * DAY)
    with connected(database_url) as connection:
        page = FinalReader(connection).top(LOGINS, TODAY, 1, 10)
    assert page is not None
    assert [(ranked.user_id, ranked.place, ranked.rank) for ranked in page.ranked] == [
        ("in time", 1, 1),
        ("late", 2, 1),
    ]
    assert (page.size, page.fresh_at) == (2, last_chance + FINAL_MARGIN)


def test_the_lifetime_is_never_final(database: Database, database_url: str) -> None:
    keep(database, NOW + 9_000 * DAY)
    assert rows(database_url, "SELECT final_time FROM leaderboard_period WHERE board_id = 'points'") == [(None,)]


def test_only_one_process_at_a_time_ends_periods(database: Database, database_url: str) -> None:
    keep(database, NOW)
    long_after = NOW + 60 * DAY
    with connected(database_url) as other, other.transaction():
        assert leaderboard_periods.lock_periods(other)
        assert finish_leaderboard_periods(database, HORIZON, long_after) == 0
    assert finish_leaderboard_periods(database, HORIZON, long_after) == 5


def test_a_leaderboard_used_by_any_process_is_not_retired(database: Database, database_url: str) -> None:
    now = NOW
    for _ in range(20):
        now += IN_USE_NOTE_INTERVAL
        record_catalogue(database, WITHOUT, now, soon())
        keep(database, now, WITHOUT)
        note_leaderboards_in_use(database, BOTH, now, soon())
        assert in_use(database_url) == {"daily", "points"}
    keep(database, now + RETIRE_AFTER, WITHOUT)
    assert in_use(database_url) == {"daily", "points"}
    keep(database, now + RETIRE_AFTER + 1, WITHOUT)
    assert in_use(database_url) == {"points"}
    note_leaderboards_in_use(database, BOTH, now + RETIRE_AFTER + 2, soon())
    assert in_use(database_url) == {"daily", "points"}


def test_a_removed_leaderboard_ends_its_periods_and_has_them_when_it_returns(
    database: Database, database_url: str
) -> None:
    log_in(database, BOTH, "player", NOW)
    over = TODAY + DAY + HORIZON + FINAL_MARGIN
    keep(database, over, WITHOUT)
    assert in_use(database_url) == {"points"}
    assert days(database_url, final=True) == [0]
    record_catalogue(database, BOTH, over + DAY, soon())
    assert in_use(database_url) == {"daily", "points"}
    with connected(database_url) as connection:
        page = FinalReader(connection).of_players(LOGINS, TODAY, ["player"])
    assert page is not None
    assert [ranked.user_id for ranked in page.ranked] == ["player"]
