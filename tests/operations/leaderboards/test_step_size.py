"""Duties over rankings come to an end where the database is too slow for steps of the usual size."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from shared.domain.errors import DeadlineExceeded
from shared.domain.events import Event
from shared.domain.goal import LOGIN
from shared.domain.instant import DAY, HOUR
from shared.domain.leaderboard import LeaderboardMeasure
from shared.domain.schedules import DAILY
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards import period_finish, ranking_refresh
from shared.operations.leaderboards.period_finish import PeriodFinish
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.operations.step_size import HALVINGS_MAX, StepSize
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards import ranking_refresh as stored
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.leaderboards import board, catalogue_with
from tests.support.services import NOW, ManualClock, rows
from tests.support.stored_rankings import assert_ranked
from tests.support.waiting import wait_until

PLAYERS = 16
LIMIT_S = 0.25
HORIZON = HOUR
CATALOGUE = catalogue_with(
    board("ever", LeaderboardMeasure.EVENTS, LOGIN), board("daily", LeaderboardMeasure.EVENTS, LOGIN, DAILY)
)
SLOW = """
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.02);
    RETURN NULL;
END
$$;
CREATE TRIGGER be_slow AFTER INSERT OR DELETE ON leaderboard_ranking FOR EACH ROW EXECUTE FUNCTION be_slow();
CREATE TRIGGER be_slow AFTER INSERT ON leaderboard_final FOR EACH ROW EXECUTE FUNCTION be_slow();
"""


def test_a_step_that_takes_too_long_is_halved_and_grows_again() -> None:
    size = StepSize()
    assert size.of(5_000) == 5_000
    size.exceeded()
    assert size.of(5_000) == 2_500
    size.took(5.0, 10.0)
    assert size.of(5_000) == 2_500
    size.took(1.0, 10.0)
    assert size.of(5_000) == 5_000
    for _ in range(HALVINGS_MAX + 1):
        size.exceeded()
    assert size.of(5_000) == 1


@pytest.mark.slow
def test_duties_end_where_steps_of_the_usual_size_take_too_long(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking_refresh, "STEP_TIMEOUT_S", LIMIT_S)
    monkeypatch.setattr(period_finish, "STEP_TIMEOUT_S", LIMIT_S)
    clock = ManualClock()
    record_catalogue(database, CATALOGUE, NOW, soon())
    flush(database, CATALOGUE, [Event(f"{n}", f"player {n}", NOW, LOGIN) for n in range(PLAYERS)], soon())
    with connected(database_url) as connection:
        connection.run_script(SLOW.encode())
        refresh = RankingRefresh(database, clock, Telemetry())
        wait_until(lambda: passed(refresh.one_pass) and counted(database_url, "leaderboard_ranking") == 2 * PLAYERS)
        assert_ranked(connection)
        clock.now += 9 * DAY
        finish = PeriodFinish(database, "a process", clock)
        wait_until(lambda: passed(lambda: finish.one_pass(HORIZON, clock.now)) and final(database_url) == PLAYERS)
        assert counted(database_url, "leaderboard_final") == PLAYERS
        wait_until(lambda: passed(refresh.one_pass) and counted(database_url, "leaderboard_ranking") == PLAYERS)
        assert_ranked(connection)


class _LookedThrough:
    """A look for a score among many tallies without one."""

    def value(self, connection: Connection, *_: object) -> object:
        return connection.execute("SELECT pg_sleep(60)").fetchall()


def test_a_ranking_begins_although_it_takes_too_long_to_see_that_it_has_no_scores(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking_refresh, "STEP_TIMEOUT_S", LIMIT_S)
    monkeypatch.setattr(stored, "_HAS_SCORES", _LookedThrough())
    record_catalogue(database, CATALOGUE, NOW, soon())
    flush(database, CATALOGUE, [Event("one", "player", NOW, LOGIN)], soon())
    refresh = RankingRefresh(database, ManualClock(), Telemetry())
    wait_until(lambda: passed(refresh.one_pass) and counted(database_url, "leaderboard_ranking") == 2)


def passed(one_pass: Callable[[], object]) -> bool:
    """Take a pass, as a duty does, and return True. The next one may find the locks of a step that was given up."""
    with suppress(DeadlineExceeded):
        one_pass()
    return True


def counted(url: str, table: str) -> int:
    [(count,)] = rows(url, f"SELECT count(*) FROM {table}")  # noqa: S608 - a constant
    return int(count)


def final(url: str) -> int:
    """Return the number of players in final rankings."""
    [(players,)] = rows(url, "SELECT coalesce(sum(players), 0) FROM leaderboard_period WHERE final_time IS NOT NULL")
    return int(players)
