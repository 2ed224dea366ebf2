"""Rankings are refreshed after changes, by one process, and a refresh does not delay shutdown."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain.events import Event
from shared.domain.goal import LOGIN
from shared.domain.instant import HOUR, LIFETIME_START, SECOND, Instant
from shared.domain.leaderboard import LeaderboardMeasure, RankedPage
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards import ranking_refresh
from shared.postgres.leaderboards.ranking_readers import RankingReader
from shared.postgres.long_work import LongWork
from shared.runtime.telemetry import Telemetry
from tests.support.databases import connected, opened, soon
from tests.support.flushing import flush
from tests.support.leaderboards import board, catalogue_with
from tests.support.services import NOW, ManualClock, rows
from tests.support.waiting import wait_until

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
            return RankingReader(connection).top(LOGINS, LIFETIME_START, 1, 10)

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
    # Postgres publishes its counts shortly after the commit.
    wait_until(ranking.refresh.one_pass)
    assert ranking.users() == ["first", "second"]
    page = ranking.page()
    assert page is not None
    assert page.fresh_at == NOW + HOUR


def test_without_changes_there_is_no_refresh(ranking: Ranking) -> None:
    ranking.log_in("player")
    assert ranking.refresh.one_pass()
    ranking.clock.now += HOUR
    # A commit before the refresh may be counted once after it.
    wait_until(lambda: not ranking.refresh.one_pass())
    ranking.clock.now += HOUR
    assert not ranking.refresh.one_pass()


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
    assert ranking.users() == []


def test_one_of_many_processes_refreshes_the_ranking(ranking: Ranking) -> None:
    ranking.log_in("player")
    with opened(ranking.url, pool_size=4) as database, ThreadPoolExecutor(4) as processes:
        duties = [RankingRefresh(database, ranking.clock, Telemetry()) for _ in range(4)]
        done = list(processes.map(lambda duty: duty.one_pass(), duties))
    assert sum(done) == 1


def test_shutdown_does_not_wait_for_a_refresh(ranking: Ranking) -> None:
    ranking.log_in("player")
    with connected(ranking.url) as other, ThreadPoolExecutor(1) as thread:
        with other.transaction():
            other.execute("LOCK TABLE tally")
            under_way = thread.submit(ranking.refresh.one_pass)
            waits = (
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%refresh_leaderboard%%'"
            )
            wait_until(lambda: rows(ranking.url, waits))
            ranking.refresh.stop()
            assert under_way.result(5) is False
        assert ranking.refresh.one_pass() is False
    assert ranking.page() is None


def test_long_work_that_is_stopped_between_its_statements_ends_with_the_next_one(database: Database) -> None:
    work, begun, ended = LongWork(database, 20), threading.Event(), threading.Event()

    def endless(connection: Connection) -> None:
        begun.set()
        while True:
            ranking_refresh.read(connection)

    def run() -> None:
        assert work.transact(endless) is None
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(5)
    work.stop()
    assert ended.wait(5)
    thread.join()
    assert work.transact(lambda _connection: SECOND) is None, "nothing begins after a stop"
