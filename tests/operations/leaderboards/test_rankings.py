"""Refreshed rankings and final rankings equal the sorted scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.instant import DAY, HOUR, SECOND, Instant
from shared.domain.leaderboard import Leaderboard, LeaderboardMeasure, LeaderboardReader, RankedPage
from shared.domain.schedules import DAILY, MONTHLY, WEEKLY
from shared.domain.standings import EVERYTHING, Scope, ScopeKind, Standing, StandingKey
from shared.domain.tally import SUM_MAX, Tally, TallyKey
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards.period_finish import FINAL_MARGIN, finish_leaderboard_periods
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.events import tallies
from shared.postgres.leaderboards.ranking_readers import FinalReader, RankingReader
from shared.postgres.statistics import standings
from shared.runtime.telemetry import Telemetry
from tests.support.brute_force_ranking import BruteForceReader, Scored
from tests.support.databases import connected, opened, soon
from tests.support.leaderboards import board, catalogue_with
from tests.support.periods import period_of
from tests.support.postgres_server import EITHER_VERSION
from tests.support.services import NOW, ManualClock
from tests.support.strategies import KILLS

TAG = Scope(ScopeKind.TAG, "pvp")
NUMBERS = st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2**53 - 1, -(2**53) - 1, SUM_MAX, -SUM_MAX])
IDS = st.text("a\U0001f409zZ\u00e9 '\"\\\\", min_size=1, max_size=2)
TIMES = st.sampled_from([0, NOW, NOW + 1, NOW - SECOND])
SCORES = st.lists(st.builds(Scored, IDS, NUMBERS, TIMES), max_size=40, unique_by=lambda scored: scored.user_id)
BOARDS = [
    board("points", ranked=EVERYTHING, schedule=DAILY),
    board("least points", ranked=TAG, schedule=WEEKLY, ascending=True, shared_ranks=False),
    board("sum", LeaderboardMeasure.SUM, KILLS, MONTHLY, shared_ranks=False),
    board("least highest", LeaderboardMeasure.HIGHEST, KILLS, DAILY, ascending=True),
    board("of all time", ranked=TAG),
]
HORIZON = 72 * HOUR


class Question(NamedTuple):
    """One read that every reader supports."""

    ask: Callable[[LeaderboardReader, Leaderboard, Instant], RankedPage | None]
    of: str


def questions(scores: Sequence[Scored]) -> Iterator[Question]:
    """Yield reads of everyone, of pages of several sizes, and of players with neighbours."""
    for first, count in [(1, 500), (1, 3), (2, 2), (7, 30), (41, 5)]:
        yield Question(lambda reader, *on, f=first, c=count: reader.top(*on, f, c), f"from {first}, {count}")
    names = [*(scored.user_id for scored in scores[::2]), "nobody"]
    yield Question(lambda reader, *on: reader.of_players(*on, names), f"of {names}")
    for user_id in [*(scored.user_id for scored in scores[:5]), "nobody"]:
        for neighbours in (0, 1, 50):
            yield Question(
                lambda reader, *on, u=user_id, n=neighbours: reader.around(*on, u, n), f"around {user_id}, {neighbours}"
            )


def store(connection: Connection, ranked: Leaderboard, scores: Sequence[Scored]) -> list[Scored]:
    """Store these scores in the current period, and return those that this leaderboard ranks."""
    start = period_of(ranked.schedule, NOW).start
    if isinstance(ranked.ranked, Scope):
        kind, scope_id = ranked.ranked
        standings.merge(
            connection,
            {
                StandingKey(scored.user_id, ranked.schedule.text, start, kind, scope_id): Standing(
                    points=scored.score, points_time=scored.reached_time, version=1
                )
                for scored in scores
            },
        )
        return list(scores)
    kept: dict[TallyKey, Tally] = {}
    for scored in scores:
        key = TallyKey(scored.user_id, ranked.ranked, ranked.schedule.text, start)
        if ranked.measure is LeaderboardMeasure.SUM and scored.score > 0:
            kept[key] = Tally(sum=scored.score, events=1, sum_time=scored.reached_time)
        elif ranked.measure is LeaderboardMeasure.HIGHEST:
            kept[key] = Tally(events=1, highest=scored.score, highest_time=scored.reached_time)
    tallies.merge(connection, kept)
    return [scored for scored in scores if any(key.user_id == scored.user_id for key in kept)]


def agree(reader: LeaderboardReader, ranked: Leaderboard, scores: Sequence[Scored], fresh_at: Instant) -> None:
    """Assert that every read equals the sorted scores."""
    start = period_of(ranked.schedule, NOW).start
    expected = BruteForceReader({(ranked.id, start): scores})
    for question in questions(scores):
        page = question.ask(reader, ranked, start)
        by_hand = question.ask(expected, ranked, start)
        assert by_hand is not None
        assert page == by_hand._replace(fresh_at=fresh_at), question.of


class Ranking(NamedTuple):
    """A database with changing scores."""

    connection: Connection
    database: Database
    clock: ManualClock

    def begin(self) -> None:
        """Remove all scores and final rankings."""
        self.connection.execute(
            "TRUNCATE tally, standing, leaderboard, leaderboard_period, leaderboard_final, leaderboard_ranking,"
            " leaderboard_bucket, ranking_state, ranking_change, player_sweep"
        )
        record_catalogue(self.database, catalogue_with(*BOARDS), NOW, soon())

    def refresh(self, now: Instant) -> None:
        """Read all scores, which no transaction has noted, as of `now`."""
        self.connection.execute("UPDATE leaderboard SET notes_epoch = notes_epoch + 1")
        self.clock.now = now
        assert RankingRefresh(self.database, self.clock, Telemetry()).one_pass()

    def finish(self, now: Instant) -> int:
        """Make ended periods final."""
        return finish_leaderboard_periods(self.database, HORIZON, now)


@pytest.fixture(scope="module", params=EITHER_VERSION)
def ranking(request: pytest.FixtureRequest) -> Iterator[Ranking]:
    with (
        request.getfixturevalue(request.param).fresh_database() as url,
        connected(url) as connection,
        opened(url, pool_size=1) as database,
    ):
        yield Ranking(connection, database, ManualClock())


@settings(max_examples=30)
@given(ranked=st.sampled_from(BOARDS), scores=SCORES, later=SCORES)
def test_rankings_equal_the_sorted_scores(
    ranking: Ranking, ranked: Leaderboard, scores: list[Scored], later: list[Scored]
) -> None:
    ranking.begin()
    connection = ranking.connection
    reader: Any = RankingReader(connection)
    assert reader.top(ranked, period_of(ranked.schedule, NOW).start, 1, 10) is None, "before the first refresh"
    on_board = store(connection, ranked, scores)
    ranking.refresh(NOW)
    agree(reader, ranked, on_board, NOW)

    newcomers = store(connection, ranked, [new for new in later if new.user_id not in {old.user_id for old in scores}])
    agree(reader, ranked, on_board, NOW)
    everybody = [*on_board, *newcomers]
    ranking.refresh(NOW + 1)
    agree(reader, ranked, everybody, NOW + 1)

    end = period_of(ranked.schedule, NOW).end
    if end is not None:
        final: Any = FinalReader(connection)
        start = period_of(ranked.schedule, NOW).start
        over = end + HORIZON + FINAL_MARGIN
        ranking.finish(over - 1)
        assert final.top(ranked, start, 1, 10) is None, "events may still come"
        ranking.finish(over)
        agree(final, ranked, everybody, over)
        store(connection, ranked, [Scored("much too late", SUM_MAX)])
        ranking.finish(over + 40 * DAY)
        agree(final, ranked, everybody, over)
