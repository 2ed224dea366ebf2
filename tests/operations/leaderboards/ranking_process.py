"""The duties of a process for rankings in Redis, run pass by pass."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from itertools import chain

from shared.domain.events import Event
from shared.domain.instant import DAY
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure, RankedPage
from shared.domain.schedules import DAILY
from shared.domain.scores import Score
from shared.domain.standings import EVERYTHING
from shared.operations.events.flush import Flush
from shared.operations.leaderboards.ranking_build import RankingBuilder
from shared.operations.leaderboards.ranking_check import RankingCheck
from shared.operations.leaderboards.ranking_sync import RankingSync, score_pages
from shared.operations.statistics.standing_changes import ScoreChanges
from shared.postgres.database import Database
from tests.cache.cached_rankings import CachedRankings, ranked
from tests.support.databases import connected, soon
from tests.support.goals import catalogue_of, goal
from tests.support.strategies import FIRST_DAY, KILLS

NOW = FIRST_DAY * DAY + DAY // 2
POINTS = Leaderboard("points", "Points", "", LeaderboardMeasure.POINTS, EVERYTHING)
BEST_OF_DAY = Leaderboard("best", "Best of the day", "", LeaderboardMeasure.HIGHEST, KILLS, DAILY)
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
    return FIRST_DAY * DAY if board.schedule is DAILY else 0


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


def wrong_score(player: str) -> Score:
    return Score(player, 12_345, 0, version=1_000)
