"""Scores missing in Redis are repaired from the journal; rankings that cannot be repaired are rebuilt."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import pytest

from event_handler.score_writer import BATCHES_MAX, ScoreWriter
from shared.domain.catalogue import EVERYTHING, Leaderboard, LeaderboardMeasure
from shared.domain.events import Event
from shared.domain.instant import DAY
from shared.domain.periods import Schedule
from shared.domain.rankings import RankedPage
from shared.domain.scores import RankingKey, Score
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.events.flush import Flush
from shared.operations.leaderboards import ranking_check, ranking_sync
from shared.operations.leaderboards.ranking_build import RankingBuilder
from shared.operations.leaderboards.ranking_check import Checked, RankingCheck
from shared.operations.leaderboards.ranking_sync import RankingSync
from shared.operations.leaderboards.score_pages import score_pages
from shared.operations.statistics.standing_changes import ScoreChanges
from shared.postgres.database import Database
from tests.cache.cached_rankings import CachedRankings, cached_rankings_on, ranked
from tests.support.databases import connected, soon
from tests.support.flushing import flush
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY + DAY // 2
POINTS = Leaderboard("points", "Points", "", LeaderboardMeasure.POINTS, EVERYTHING)
BEST_OF_DAY = Leaderboard("best", "Best of the day", "", LeaderboardMeasure.HIGHEST, KILLS, Schedule.DAY)
MOST_DAYS = Leaderboard("days", "Days", "", LeaderboardMeasure.DAYS, KILLS)
SUM = Leaderboard("sum", "Sum", "", LeaderboardMeasure.SUM, KILLS, ascending=True)
CATALOGUE = replace(
    catalogue_of(replace(goal("win", target=3), points=10), replace(goal("far", target=6), points=2**40)),
    leaderboards=(POINTS, BEST_OF_DAY, MOST_DAYS, SUM),
)
WITHOUT_SUM = replace(CATALOGUE, version="without", leaderboards=CATALOGUE.leaderboards[:-1])


class Process:
    """The duties of a process, one pass at a time."""

    def __init__(self, database: Database, cached: CachedRankings) -> None:
        self.catalogue = CATALOGUE
        self.database = database
        self.cached = cached
        in_use = lambda: self.catalogue  # noqa: E731
        self.sync = RankingSync(database, in_use, lambda: NOW, cached.rankings, cached.markers)
        self.builder = RankingBuilder(
            database, in_use, cached.cache, cached.rankings, cached.markers, stopping=threading.Event()
        )
        self.check = RankingCheck(database, in_use, cached.rankings, random.Random(1), lambda _: self.repair())

    def repair(self) -> None:
        """Run two passes: the second repairs the entries seen by the first."""
        self.sync.one_pass()
        self.sync.one_pass()

    def begin(self) -> None:
        self.cached.cache.probe()
        self.sync.one_pass()
        self.builder.one_pass()

    def read(self, board: Leaderboard) -> RankedPage | None:
        return self.cached.rankings.top(board, period_of(board), 1, 1_000)

    def agrees(self) -> bool:
        """Return whether every ranking is in Redis and equals the sorted scores of the database."""
        for board in self.catalogue.leaderboards:
            stored = chain.from_iterable(score_pages(self.database, board, period_of(board), rows=7))
            expected = ranked(stored, board)
            page = self.read(board)
            if page is None or page[:2] != (expected, len(expected)):
                return False
        return True


def period_of(board: Leaderboard) -> int:
    return FIRST_DAY * DAY if board.schedule is Schedule.DAY else 0


@pytest.fixture
def process(database: Database, redis_url: str) -> Iterator[Process]:
    """Yield a process with all rankings in Redis, still empty."""
    record_catalogue(database, CATALOGUE, NOW, soon())
    with cached_rankings_on(redis_url) as cached:
        opened = Process(database, cached)
        opened.begin()
        assert opened.agrees()
        yield opened


def play(process: Process, first: int = 0, players: int = 30) -> list[ScoreChanges]:
    """Flush events, with ties, without storing the changes in Redis, and return the changes."""
    events = [
        Event(f"{first} {number}", f"player {number}", NOW + number % 3, KILLS, delta=1 + number % 7, value=number % 5)
        for number in range(players)
    ]
    committed = Flush(process.database, process.catalogue, soon())
    committed.run(events)
    return committed.score_changes


def journal_size(database_url: str) -> int:
    with connected(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM leaderboard_journal").fetchone()
    assert row is not None
    return int(row[0])


def test_a_writer_stores_scores_in_redis_after_the_commit(process: Process, database_url: str) -> None:
    writer = ScoreWriter(process.database, process.cached.rankings)
    writer.start()
    for number in range(3):
        for changes in play(process, number):
            writer.submit(CATALOGUE, changes)
    writer.close(10)
    assert process.agrees()
    assert journal_size(database_url) == 0
    assert writer.left_to_the_journal == 0


def test_scores_missed_by_a_killed_writer_are_repaired(process: Process, database_url: str) -> None:
    play(process)
    assert not process.agrees()
    process.sync.one_pass()
    assert not process.agrees(), "a writer has one pass interval for its own entries"
    process.sync.one_pass()
    assert process.agrees()
    assert journal_size(database_url) == 0


def test_scores_dropped_by_a_full_writer_are_repaired(process: Process, database_url: str) -> None:
    writer = ScoreWriter(process.database, process.cached.rankings)
    (changes,) = play(process)
    for _ in range(BATCHES_MAX + 5):
        writer.submit(CATALOGUE, changes)
    assert writer.left_to_the_journal == 5
    process.repair()
    assert process.agrees()
    assert journal_size(database_url) == 0


def test_scores_that_change_during_a_build_are_included(process: Process) -> None:
    play(process, 0)
    process.repair()
    process.cached.cache.ask(lambda client: client.flushall())

    def play_on(_: int) -> None:
        writer = ScoreWriter(process.database, process.cached.rankings)
        for changes in play(process, 1):
            writer.submit(CATALOGUE, changes)
        writer.start()
        writer.close(10)

    assert process.builder.build(SUM, 0, progress=play_on)
    process.builder.one_pass()
    assert process.agrees()


def test_an_overlong_journal_is_dropped_and_rankings_are_rebuilt(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking_sync, "ENTRIES_MAX", 3)
    for number in range(3):
        play(process, number)
    process.sync.one_pass()
    assert journal_size(database_url) == 0
    assert [process.read(board) for board in CATALOGUE.leaderboards] == [None] * 4
    process.builder.one_pass()
    assert process.agrees()


def test_the_journal_is_bounded_without_redis(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking_sync, "ENTRIES_MAX", 1)
    record_catalogue(database, CATALOGUE, NOW, soon())
    flush(database, CATALOGUE, [Event("1", "player", NOW, KILLS, delta=1)], soon())
    assert journal_size(database_url) == 1
    RankingSync(database, lambda: CATALOGUE, lambda: NOW).one_pass()
    assert journal_size(database_url) == 0


def test_a_leaderboard_that_is_removed_and_returns_is_rebuilt(process: Process) -> None:
    play(process)
    process.repair()
    process.catalogue = WITHOUT_SUM
    process.sync.one_pass()
    play(process, 1)
    process.catalogue = CATALOGUE
    process.repair()
    assert process.read(SUM) is None
    process.builder.one_pass()
    assert process.agrees()


def test_a_ranking_with_a_difference_is_rebuilt(process: Process) -> None:
    play(process)
    process.repair()
    assert process.agrees()
    process.check.one_pass()
    assert process.check.compared > 0
    assert process.check.differences == 0
    process.cached.put(wrong_score("player 3"), wrong_score("player 4"), board=SUM)
    assert not process.agrees()
    process.check.one_pass()
    assert process.check.differences == 2
    process.sync.one_pass()
    assert process.read(SUM) is None
    process.builder.one_pass()
    assert process.agrees()


def test_a_sample_is_compared_in_batches(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    play(process, players=30)
    process.repair()
    process.cached.put(wrong_score("player 3"), wrong_score("player 4"), board=SUM)
    process.cached.put(Score("only in Redis", -1, 0, version=1), board=SUM)
    ranking = RankingKey(SUM.id, 0)
    at_once = process.check.compare(SUM, ranking, 100)
    monkeypatch.setattr(ranking_check, "PLAYERS_MAX", 7)
    before = scripts_run(process)
    assert process.check.compare(SUM, ranking, 100) == at_once == Checked(ranking, compared=30, differences=3)
    assert scripts_run(process) - before >= 1 + 5 + 5 + 1, "size, players by place, players by id, suspects"
    few = process.check.compare(SUM, ranking, 10)
    assert few is not None
    assert few.compared == 10


def scripts_run(process: Process) -> int:
    """Return the number of scripts that Redis has run."""
    statistics = process.cached.cache.ask(lambda client: client.info("commandstats"))
    return int(statistics["cmdstat_evalsha"]["calls"])


def test_reads_by_duties_are_not_counted_as_hits_or_misses(process: Process) -> None:
    def questions() -> list[float | None]:
        registry = process.cached.telemetry.registry
        outcomes = ({"cache": "leaderboards", "outcome": outcome} for outcome in ("hit", "miss"))
        return [registry.get_sample_value("cache_reads_total", labels) for labels in outcomes]

    play(process)
    process.repair()
    before = questions()
    process.check.one_pass()
    process.builder.one_pass()
    assert process.check.compared > 0
    assert questions() == before
    assert process.read(SUM) is not None
    assert questions() == [(before[0] or 0) + 1, before[1]]


def wrong_score(player: str) -> Score:
    return Score(player, 12_345, 0, version=1_000)


def test_a_score_that_has_not_settled_is_no_difference(process: Process) -> None:
    play(process)
    process.check.one_pass()
    assert process.check.differences == 0
    assert process.agrees()
