"""Rankings in the database follow changes, by one process at a time, in steps that any process continues."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain.events import Event
from shared.domain.goal import LOGIN
from shared.domain.instant import DAY, HOUR, LIFETIME_START, Instant
from shared.domain.leaderboard import LeaderboardMeasure, RankedPage
from shared.domain.schedules import DAILY
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards import ranking_refresh as duty
from shared.operations.leaderboards import ranking_sync
from shared.operations.leaderboards.known_boards import KnownBoards
from shared.operations.leaderboards.period_finish import finish_leaderboard_periods
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.operations.leaderboards.ranking_sync import RankingSync
from shared.postgres.database import Database
from shared.postgres.leaderboards.ranking_readers import RankingReader
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.leaderboards import board, catalogue_with
from tests.support.services import NOW, ManualClock, rows
from tests.support.table_locks import locked_tables

LOGINS = board("logins", LeaderboardMeasure.EVENTS, LOGIN)
CATALOGUE = catalogue_with(LOGINS)


class Ranking:
    """A database with one leaderboard, and the duty of one process."""

    def __init__(self, database: Database, database_url: str) -> None:
        self.database, self.url = database, database_url
        self.clock = ManualClock()
        self.refresh = RankingRefresh(database, self.clock, Telemetry())
        record_catalogue(database, CATALOGUE, NOW, soon())

    def log_in(self, user_id: str, time: Instant = NOW) -> None:
        flush(self.database, CATALOGUE, [Event(f"{user_id} {time}", user_id, time, LOGIN)], soon())

    def page(self) -> RankedPage | None:
        with connected(self.url) as connection:
            return RankingReader(connection).top(LOGINS, LIFETIME_START, 1, 100)

    def users(self) -> list[str]:
        page = self.page()
        assert page is not None
        return [ranked.user_id for ranked in page.ranked]


@pytest.fixture
def ranking(database: Database, database_url: str) -> Ranking:
    return Ranking(database, database_url)


def test_changes_are_ranked_after_a_while_and_pages_carry_fresh_at(ranking: Ranking) -> None:
    ranking.log_in("first")
    assert ranking.page() is None
    assert ranking.refresh.one_pass()
    assert ranking.users() == ["first"]
    ranking.log_in("second")
    assert not ranking.refresh.one_pass()
    ranking.clock.now += HOUR
    assert ranking.refresh.one_pass()
    assert ranking.users() == ["first", "second"]
    page = ranking.page()
    assert page is not None
    assert page.fresh_at == NOW + HOUR


def test_without_changes_there_is_no_refresh(ranking: Ranking) -> None:
    ranking.log_in("player")
    assert ranking.refresh.one_pass()
    ranking.clock.now += HOUR
    assert not ranking.refresh.one_pass()
    page = ranking.page()
    assert page is not None
    assert page.fresh_at == NOW
    assert ranking.refresh.seen is not None
    assert ranking.refresh.seen.finish_time == NOW + HOUR, "nothing is left to do"


def test_a_new_leaderboard_is_ranked_although_no_score_has_changed(ranking: Ranking) -> None:
    ranking.log_in("player")
    assert ranking.refresh.one_pass()
    most = board("most", LeaderboardMeasure.DAYS, LOGIN)
    record_catalogue(ranking.database, catalogue_with(LOGINS, most, version="more"), NOW, soon())
    ranking.clock.now += HOUR
    assert ranking.refresh.one_pass()
    with connected(ranking.url) as connection:
        page = RankingReader(connection).top(most, LIFETIME_START, 1, 10)
    assert page is not None
    assert page.size == 1


def test_an_unused_leaderboard_is_not_ranked(ranking: Ranking) -> None:
    ranking.log_in("player")
    assert ranking.refresh.one_pass()
    rows(ranking.url, "UPDATE leaderboard SET in_use = false RETURNING board_id")
    ranking.clock.now += HOUR
    assert ranking.refresh.one_pass()
    assert ranking.page() is None
    assert rows(ranking.url, "SELECT count(*) FROM leaderboard_ranking") == [(0,)]
    record_catalogue(ranking.database, CATALOGUE, NOW, soon())
    assert ranking.refresh.one_pass()
    assert ranking.users() == ["player"]


def test_one_of_many_processes_refreshes_the_ranking(ranking: Ranking) -> None:
    ranking.log_in("player")
    with opened(ranking.url, pool_size=4) as database, ThreadPoolExecutor(4) as processes:
        duties = [RankingRefresh(database, ranking.clock, Telemetry(), f"process {number}") for number in range(4)]
        done = list(processes.map(lambda duty: duty.one_pass(), duties))
    assert sum(done) == 1


def test_shutdown_waits_for_one_step_and_another_process_goes_on(
    ranking: Ranking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duty, "RANGE_ROWS", 2)
    users = [f"player {number}" for number in range(10, 40)]
    for user_id in users:
        ranking.log_in(user_id)
    rests: list[float] = []

    def rest(seconds: float) -> bool:
        rests.append(seconds)
        # A migration need not wait for the end of the sweep.
        assert not locked_tables(ranking.url)
        return len(rests) == 4

    stopped = RankingRefresh(ranking.database, ranking.clock, Telemetry(), "the first", rest)
    assert not stopped.one_pass()
    assert len(rests) == 4
    assert all(0 < seconds <= duty.REST_MAX_S for seconds in rests)
    assert stopped.seen is not None
    assert 0 < stopped.seen.visited < len(users)
    assert ranking.page() is None, "it is not complete"
    another = RankingRefresh(ranking.database, ranking.clock, Telemetry(), "another")
    assert not another.one_pass(), "the first may still be there"
    ranking.clock.now += duty.OWNED_FOR + 1
    assert another.one_pass()
    assert ranking.users() == users
    assert another.seen is not None
    assert another.seen.last_visited == len(users)


def test_a_ranking_is_read_while_it_is_swept_again(ranking: Ranking) -> None:
    ranking.log_in("player")
    assert ranking.refresh.one_pass()
    rows(ranking.url, "DELETE FROM tally RETURNING user_id")
    ranking.clock.now += HOUR
    assert not ranking.refresh.one_pass(), "nothing was noted"
    assert ranking.users() == ["player"]
    ranking.clock.now += duty.SWEEP_INTERVAL
    assert ranking.refresh.one_pass()
    assert ranking.users() == []


def test_changes_that_processes_with_another_catalogue_did_not_note_are_found(ranking: Ranking) -> None:
    assert ranking.refresh.one_pass()
    without = catalogue_with(version="without")
    sync = RankingSync(ranking.database, lambda: catalogues[-1], ranking.clock)
    catalogues = [without]
    sync.one_pass()
    ranking.clock.now += HOUR
    assert ranking.refresh.one_pass()
    flush(ranking.database, without, [Event("unnoted", "player", NOW, LOGIN)], soon())
    ranking.clock.now += HOUR
    ranking.refresh.one_pass()
    assert ranking.users() == []
    catalogues.append(CATALOGUE)
    sync.one_pass()
    assert ranking.refresh.one_pass()
    assert ranking.users() == ["player"]


def test_a_process_that_ends_with_an_old_catalogue_leaves_no_change_behind(ranking: Ranking) -> None:
    assert ranking.refresh.one_pass()
    without = catalogue_with(version="without")
    sync = RankingSync(ranking.database, lambda: without, ranking.clock)
    sync.one_pass()
    ranking.refresh.one_pass()
    flush(ranking.database, without, [Event("unnoted", "player", NOW, LOGIN)], soon())
    sync.known_boards.leave(soon())
    assert ranking.refresh.one_pass()
    assert ranking.users() == ["player"]


def silence(ranking: Ranking, seconds: int) -> None:
    """Let no process have renewed its row for these seconds."""
    past = "UPDATE leaderboard_process SET seen_time = database_time() - interval '1 second' * %s RETURNING 1"
    assert rows(ranking.url, past, seconds)


def test_changes_of_a_killed_process_with_an_old_catalogue_are_found_by_any_other(ranking: Ranking) -> None:
    assert ranking.refresh.one_pass()
    without = catalogue_with(version="without")
    killed = RankingSync(ranking.database, lambda: without, ranking.clock)
    killed.one_pass()
    ranking.refresh.one_pass()
    flush(ranking.database, without, [Event("unnoted", "player", NOW, LOGIN)], soon())
    silence(ranking, 170)
    RankingSync(ranking.database, lambda: CATALOGUE, ranking.clock).one_pass()
    assert not ranking.refresh.one_pass()
    assert ranking.users() == [], "it may still run"
    silence(ranking, 190)
    RankingSync(ranking.database, lambda: CATALOGUE, ranking.clock).one_pass()
    assert ranking.refresh.one_pass()
    assert ranking.users() == ["player"]


def test_a_killed_process_that_knew_all_leaderboards_costs_no_sweep(ranking: Ranking) -> None:
    assert ranking.refresh.one_pass()
    RankingSync(ranking.database, lambda: CATALOGUE, ranking.clock).one_pass()
    silence(ranking, 1_000)
    assert ranking.refresh.one_pass() is False
    RankingSync(ranking.database, lambda: CATALOGUE, ranking.clock).one_pass()
    assert not ranking.refresh.one_pass()
    assert rows(ranking.url, "SELECT count(*) FROM leaderboard_process") == [(1,)], "that of the second process"


def test_a_process_renews_its_row_once_a_minute_and_deletes_it_at_its_end(ranking: Ranking) -> None:
    time_s = [100.0]
    known = KnownBoards(ranking.database, lambda: time_s[0])
    known.follow(CATALOGUE, soon())
    seen = "SELECT extract(epoch FROM database_time() - seen_time)::integer FROM leaderboard_process"
    silence(ranking, 100)
    time_s[0] += 59
    known.follow(CATALOGUE, soon())
    assert rows(ranking.url, seen) == [(100,)]
    time_s[0] += 1
    known.follow(CATALOGUE, soon())
    assert rows(ranking.url, seen) == [(0,)]
    known.leave(soon())
    assert rows(ranking.url, seen) == []


def test_notes_that_no_process_ranks_are_bounded(ranking: Ranking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_sync, "NOTED_PLAYERS_MAX", 3)
    assert ranking.refresh.one_pass()
    users = [f"player {number}" for number in range(4)]
    for user_id in users:
        ranking.log_in(user_id)
    RankingSync(ranking.database, lambda: CATALOGUE, ranking.clock).one_pass()
    assert rows(ranking.url, "SELECT count(*) FROM ranking_change") == [(0,)]
    assert ranking.refresh.one_pass(), "all players are visited instead"
    assert ranking.users() == users


def test_a_ranking_of_an_ended_period_is_deleted_in_steps(ranking: Ranking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duty, "DROP_ROWS", 2)
    daily = board("daily", LeaderboardMeasure.EVENTS, LOGIN, DAILY)
    catalogue = catalogue_with(LOGINS, daily, version="daily")
    record_catalogue(ranking.database, catalogue, NOW, soon())
    flush(ranking.database, catalogue, [Event(f"{n}", f"player {n}", NOW, LOGIN) for n in range(5)], soon())
    assert ranking.refresh.one_pass()
    ranked = "SELECT board_id, count(*) FROM leaderboard_ranking GROUP BY board_id ORDER BY board_id"
    assert rows(ranking.url, ranked) == [("daily", 5), ("logins", 5)]
    ranking.clock.now += 9 * DAY
    assert finish_leaderboard_periods(ranking.database, HOUR, ranking.clock.now) > 0
    assert ranking.refresh.one_pass()
    assert rows(ranking.url, ranked) == [("logins", 5)]
    left = "SELECT DISTINCT board_id FROM leaderboard_bucket UNION SELECT board_id FROM ranking_state"
    assert rows(ranking.url, left) == [("logins",)]


def test_a_sweep_ends_although_the_table_is_being_vacuumed(ranking: Ranking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duty, "STEP_TIMEOUT_S", 1.0)
    ranking.log_in("player")
    with connected(ranking.url) as vacuum:
        vacuum.execute("BEGIN")
        vacuum.execute("LOCK TABLE leaderboard_ranking IN SHARE UPDATE EXCLUSIVE MODE")
        assert ranking.refresh.one_pass()
        vacuum.execute("ROLLBACK")
    assert ranking.users() == ["player"]


def test_a_ranking_is_not_called_fresh_while_notes_are_left_behind_those_of_erased_players(ranking: Ranking) -> None:
    assert ranking.refresh.one_pass()
    ranking.clock.now += HOUR
    erased = "INSERT INTO ranking_change VALUES ('{}', $1) RETURNING players"
    with connected(ranking.url) as connection:
        connection.execute(erased, [duty.CHANGED_PLAYERS])
    ranking.log_in("player")
    assert ranking.refresh.one_pass()
    assert ranking.users() == ["player"]


def test_a_clock_that_is_set_back_by_a_day_delays_no_ranking(ranking: Ranking) -> None:
    assert ranking.refresh.one_pass()
    ranking.log_in("player")
    ranking.clock.now -= DAY
    assert ranking.refresh.one_pass()
    assert ranking.users() == ["player"]
