"""Rankings in the database equal the sorted scores after any history, whatever dies between two steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from itertools import islice
from typing import NamedTuple
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.events import Event
from shared.domain.instant import DAY, HOUR, SECOND, Instant
from shared.domain.leaderboard import LeaderboardMeasure, RankedPage
from shared.domain.schedules import DAILY
from shared.domain.standings import EVERYTHING
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards import period_finish
from shared.operations.leaderboards import ranking_refresh as duty
from shared.operations.leaderboards.period_finish import FINAL_MARGIN, FinishStep, PeriodFinish
from shared.operations.leaderboards.ranking_refresh import RankingRefresh
from shared.operations.operators.erase_player import erase_player
from shared.operations.statistics.adjust_points import adjust_points
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.leaderboards.ranking_readers import FinalReader, RankingReader
from shared.postgres.operators.player_data import ErasedPlayer
from shared.postgres.statistics.adjustments import NotedAdjustment
from shared.runtime.telemetry import Telemetry
from tests.support.brute_force_ranking import BruteForceReader, Scored
from tests.support.databases import connected, flushed, opened, soon
from tests.support.leaderboards import board, catalogue_with
from tests.support.postgres_server import PostgresServer
from tests.support.services import ACTING, NOW, ManualClock
from tests.support.stored_rankings import assert_counted, assert_ranked, shrink_buckets
from tests.support.strategies import KILLS

TODAY = NOW // DAY * DAY
HORIZON = 72 * HOUR
OVER = TODAY + DAY + HORIZON + FINAL_MARGIN
PLAYERS = [f"player {number}" for number in range(40)]
BOARDS = [
    board("sum", LeaderboardMeasure.SUM, KILLS),
    board("least", LeaderboardMeasure.HIGHEST, KILLS, DAILY, ascending=True, shared_ranks=False),
    board("points", ranked=EVERYTHING, schedule=DAILY),
]
BOTH, FEWER = catalogue_with(*BOARDS), catalogue_with(*BOARDS[1:], version="fewer")
TABLES = (
    "TRUNCATE tally, standing, completion, player, event_seen, leaderboard, leaderboard_period, leaderboard_final,"
    " leaderboard_ranking, leaderboard_bucket, leaderboard_journal, ranking_state, ranking_change, ranking_finish,"
    " player_sweep, player_tombstone, points_adjustment"
)


class Kind(Enum):
    """Something that happens."""

    PLAY = "play"
    ADJUST = "adjust"
    ERASE = "erase"
    STEP = "step"
    DIE = "die"
    RETIRE = "retire"
    DISTRUST = "distrust"


class Happening(NamedTuple):
    """Something that happens, to some players or by a process."""

    kind: Kind
    players: list[str]
    number: int


def histories(*kinds: Kind, size: int) -> st.SearchStrategy[list[Happening]]:
    players = st.lists(st.sampled_from(PLAYERS), min_size=1, max_size=25, unique=True)
    return st.lists(st.builds(Happening, st.sampled_from(kinds), players, st.integers(0, 4)), max_size=size)


class _Died(Exception):
    """The process ends before its transaction does."""


class Game(NamedTuple):
    """A database with three leaderboards."""

    connection: Connection
    database: Database
    clock: ManualClock
    erased: set[str]

    def begin(self) -> None:
        self.connection.execute(TABLES)
        self.clock.now = NOW
        self.erased.clear()
        record_catalogue(self.database, BOTH, NOW, soon())

    def do(self, happening: Happening, at: Instant = NOW) -> None:
        kind, players, number = happening
        self.clock.now += SECOND
        alive = [player for player in players if player not in self.erased]
        match kind:
            case Kind.PLAY:
                # Players of one batch share scores and times.
                events = [Event(f"{self.clock.now}", each, at, KILLS, delta=number, value=number) for each in alive]
                if events:
                    flushed(self.database, BOTH, events)
            case Kind.ADJUST:
                for player in filter(self.is_known, alive[:3]):
                    adjustment = NotedAdjustment(at, number - 2 or 7, "ada", "a test")
                    adjust_points(self.database, BOTH, player, uuid4(), adjustment, soon())
            case Kind.ERASE if alive:
                self.erase(alive[0])
            case Kind.STEP:
                self.database.transact(self.refresh(f"process {number % 2}").one_step, soon())
            case Kind.DIE:
                self.die(self.refresh(f"process {number % 2}").one_step)
            case Kind.RETIRE:
                self.connection.execute("UPDATE leaderboard SET in_use = NOT in_use WHERE board_id = 'sum'")
            case Kind.DISTRUST:
                self.connection.execute("UPDATE leaderboard SET notes_epoch = notes_epoch + 1 WHERE board_id = 'least'")

    def erase(self, player: str) -> None:
        self.erased.add(player)
        if self.is_known(player):
            pseudonym = f"erased-{PLAYERS.index(player):016}"
            erase_player(self.database, ErasedPlayer(player, pseudonym, "0" * 64, "0" * 64), ACTING, soon())
        assert (player,) not in self.connection.execute("SELECT unnest(ARRAY[bookmark, last_id]) FROM ranking_finish")

    def is_known(self, player: str) -> bool:
        return bool(self.connection.execute("SELECT FROM tally WHERE user_id = $1", [player]).fetchall())

    def refresh(self, owner: str) -> RankingRefresh:
        return RankingRefresh(self.database, self.clock, Telemetry(), owner)

    def finish(self, owner: str) -> PeriodFinish:
        return PeriodFinish(self.database, owner, self.clock)

    def die(self, step: Callable[[Connection], object]) -> None:
        """Take a step that is rolled back."""

        def half(connection: Connection) -> None:
            step(connection)
            raise _Died

        with pytest.raises(_Died):
            self.database.transact(half, soon())

    def scored(self, board_id: str, start: Instant) -> list[Scored]:
        found = self.connection.execute(
            "SELECT user_id, score, microseconds(reached_time) FROM leaderboard_score WHERE board_id = $1"
            " AND microseconds(period_start) = $2",
            [board_id, start],
        )
        return [Scored(*row) for row in found.fetchall()]


@pytest.fixture(scope="module")
def game(postgres_server: PostgresServer) -> Iterator[Game]:
    with (
        postgres_server.fresh_database() as url,
        connected(url) as connection,
        opened(url, pool_size=2) as database,
        pytest.MonkeyPatch.context() as patch,
    ):
        shrink_buckets(connection)
        patch.setattr(duty, "RANGE_ROWS", 12)
        patch.setattr(duty, "CHANGED_PLAYERS", 15)
        patch.setattr(duty, "DROP_ROWS", 7)
        patch.setattr(period_finish, "RANGE_ROWS", 12)
        patch.setattr(period_finish, "PLACES", 7)
        yield Game(connection, database, ManualClock(), set())


@settings(max_examples=15)
@given(histories(*Kind, size=25))
def test_rankings_equal_the_scores_once_nothing_is_left_to_do(game: Game, history: list[Happening]) -> None:
    game.begin()
    past: list[tuple[Instant, dict[str, int]]] = []
    for happening in history:
        game.do(happening)
        assert_counted(game.connection)
        if happening.kind in (Kind.ERASE, Kind.RETIRE):
            past.clear()
        past.append((game.clock.now, {scored.user_id: scored.score for scored in game.scored("sum", 0)}))
        page = RankingReader(game.connection).top(BOARDS[0], 0, 1, len(PLAYERS))
        if page is not None:
            found = {ranked.user_id: ranked.score for ranked in page.ranked}
            for then, sums in past:
                if page.fresh_at is not None and then < page.fresh_at:
                    assert all(found[player] >= total for player, total in sums.items()), "all before is included"
            assert all(past[-1][1][player] >= total for player, total in found.items())
    game.connection.execute("UPDATE leaderboard SET in_use = true")
    game.clock.now += HOUR
    while game.refresh("the last").one_pass():
        game.clock.now += HOUR
    assert_ranked(game.connection)
    for each, start in [(BOARDS[0], 0), (BOARDS[1], TODAY), (BOARDS[2], TODAY)]:
        expected = BruteForceReader({(each.id, start): game.scored(each.id, start)})
        for first, count in [(1, 100), (9, 5), (17, 1)]:
            page = RankingReader(game.connection).top(each, start, first, count)
            by_hand = expected.top(each, start, first, count)
            assert page is not None
            assert by_hand is not None
            assert page == by_hand._replace(fresh_at=page.fresh_at)


@settings(max_examples=15)
@given(
    histories(Kind.PLAY, Kind.ADJUST, Kind.STEP, Kind.RETIRE, size=8),
    histories(Kind.PLAY, Kind.ADJUST, Kind.ERASE, Kind.STEP, Kind.DIE, Kind.RETIRE, size=40),
    st.lists(st.sampled_from(["finish", "die", "take over"]), max_size=40),
)
def test_final_rankings_have_each_score_as_it_was_read_and_never_change(
    game: Game, before: list[Happening], beside: list[Happening], finishing: list[str]
) -> None:
    game.begin()
    for happening in before:
        game.do(happening)
    game.clock.now = OVER
    start, boards = TODAY, BOARDS[1:]
    first = {each.id: {scored.user_id: scored for scored in game.scored(each.id, start)} for each in boards}
    history = iter(beside)
    ever = {each.id: {user_id: {scored} for user_id, scored in first[each.id].items()} for each in boards}
    owner = 0
    for step in finishing:
        for correction in islice(history, 2):
            # They change an ended day, which nothing prevents.
            game.do(correction)
            for each in boards:
                for scored in game.scored(each.id, start):
                    ever[each.id].setdefault(scored.user_id, set()).add(scored)
        if step == "die":
            game.die(partial(game.finish(f"process {owner}").one_step, horizon=HORIZON, due=OVER))
        elif step == "take over":
            owner += 1
            game.clock.now += duty.OWNED_FOR + SECOND
        else:
            one_step = partial(game.finish(f"process {owner}").one_step, horizon=HORIZON, due=OVER)
            game.database.transact(one_step, soon())
    game.clock.now += HOUR
    game.finish("the last").one_pass(HORIZON, OVER)
    finals = {each.id: final(game, each.id) for each in boards}
    for each in boards:
        rows = finals[each.id]
        assert [place for place, *_ in rows] == list(range(1, len(rows) + 1))
        placed = [Scored(*row[2:]) for row in rows]
        alive = {scored.user_id: scored for scored in placed if "erased" not in scored.user_id}
        assert all(scored in ever[each.id][user_id] for user_id, scored in alive.items())
        assert set(first[each.id]) - game.erased <= set(alive), "whoever had a score before has a place"
        assert not game.erased & set(alive)
        by_hand = BruteForceReader({(each.id, start): placed}).everybody(each, start)
        # A pseudonym is not in the place of its bytes.
        scores = [(ranked.score, ranked.reached_time) for ranked in by_hand]
        assert [(score, time) for *_, score, time in rows] == scores
        shared = [1 + [score for *_, score, _ in rows].index(row[3]) for row in rows]
        assert [rank for _, rank, *_ in rows] == shared
        page = FinalReader(game.connection).top(each, start, 1, 100)
        assert isinstance(page, RankedPage)
        assert page.size == len(rows)
    for happening in before:
        game.do(happening)
    assert game.finish("again").one_pass(HORIZON, OVER + DAY // 2) == 0
    assert {each.id: final(game, each.id) for each in boards} == finals
    game.connection.execute("UPDATE leaderboard SET in_use = true")
    game.clock.now += HOUR
    while game.refresh("the last").one_pass():
        game.clock.now += HOUR
    assert_ranked(game.connection)


def final(game: Game, board_id: str) -> list[tuple[int, int, str, int, int]]:
    found = game.connection.execute(
        "SELECT place, shared_rank, user_id, score, microseconds(reached_time) FROM leaderboard_final"
        " WHERE board_id = $1 AND microseconds(period_start) = $2 ORDER BY place",
        [board_id, TODAY],
    )
    return found.fetchall()


def test_an_erased_player_keeps_the_place_that_was_given(game: Game) -> None:
    game.begin()
    flushed(game.database, BOTH, [Event("one", each, NOW, KILLS, delta=1, value=1) for each in PLAYERS])
    duties = game.finish("a process")
    taken = 0
    while taken < 2:
        step = game.database.transact(lambda connection: duties.one_step(connection, HORIZON, OVER), soon())
        assert step is FinishStep.WORKED
        taken = len({place for place, *_ in final(game, "least")}) // period_finish.PLACES
    for player in (min(PLAYERS), final(game, "least")[-1][2], max(PLAYERS)):
        game.erase(player)
    assert duties.one_pass(HORIZON, OVER) > 0
    rows = final(game, "least")
    assert [place for place, *_ in rows] == list(range(1, len(PLAYERS)))
    assert rows[0][2].startswith("erased-")
    assert max(PLAYERS) not in str(rows)
