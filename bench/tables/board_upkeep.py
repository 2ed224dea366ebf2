"""The cost of leaderboards: events with leaderboards beside events without, and rebuilding a long ranking."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from admin.leaderboard_access import LeaderboardAccess, leaderboard_access
from bench.correctness import Reported, check_events, read_tallies
from bench.database import connected, opened, statement
from bench.events import MEASURED
from bench.figures import Table, Unit, at_least, at_most
from bench.load import Run
from bench.services import EVENT_HANDLER, ServerProcess
from bench.tables.batches import BATCH, report_batches
from bench.tables.calls import add_medians, add_ratio, cpu_us, rate
from bench.workplace import Ground, Workplace
from shared.cache.redis import Cache
from shared.domain.scores import RankingKey
from shared.operations.catalogue.catalogue_record import record_catalogue
from shared.operations.leaderboards.ranking_check import RankingCheck
from shared.operations.leaderboards.ranking_sync import RankingSync
from shared.runtime.clock import system_clock

RANKED_STAT = MEASURED[0].stat.code
BOARDS: list[Mapping[str, str]] = [
    {"id": "points", "name": "Points", "over": "points"},
    {"id": "best", "name": "Best", "over": "stat", "stat": RANKED_STAT, "count": "highest"},
]
POINTS = 10
SETTLED_S = 30.0
"""Deadline in seconds, longer than a handler's duties need to write everything missing into Redis."""

READ_INTERVAL_S = 0.01

_FILL = statement("fill_scores")


def measure_board_upkeep(place: Workplace) -> Table:
    """Measure events with two leaderboards beside none, and how long it takes to build a long ranking."""
    table = Table(
        "board_upkeep",
        "Keeping leaderboards up",
        f"ReportEvents with {BATCH:,} events a call and {place.terms.players:,} players with history, as in `batches`: "
        "a handler with two leaderboards in Redis (points of all goals, and the best of a stat that every fifth event "
        "moves), in turns with a handler without leaderboards and without Redis. Then a ranking of "
        f"{place.terms.ranked:,} players is built.",
    )
    with place.redis() as redis_url, ExitStack() as stack:
        plain, other = (stack.enter_context(place.ground()) for _ in range(2))
        ranked = with_boards(place, plain)
        ours, bare = (
            _Handler(place, ranked, stack.enter_context(place.service(EVENT_HANDLER, ranked, REDIS_URL=redis_url))),
            _Handler(place, other, stack.enter_context(place.service(EVENT_HANDLER, other))),
        )
        turns = place.in_turns("board_upkeep", ours.measure, bare.measure)
        add_medians(table, "events", turns, _events_per_s, Unit.EVENTS_A_SECOND, "with two leaderboards", "without")
        add_ratio(table, "throughput beside none", turns, rate, at_least(0.75))
        add_ratio(table, "CPU of the handler beside none", turns, cpu_us)
        for handler in (ours, bare):
            check_events(table, handler.ground.url, handler.before, handler.told)
        _check_boards(table, ranked, redis_url)
    with place.redis() as redis_url:
        _add_build(place, table, redis_url)
    return table


def with_boards(place: Workplace, ground: Ground) -> Ground:
    """Return the ground with points for every goal of its catalogue, and two leaderboards."""

    def change(document: Any) -> None:
        document["leaderboards"] = BOARDS
        for challenge in document["challenges"]:
            for goal in challenge["goals"]:
                goal["points"] = POINTS

    return place.changed(ground, "with-boards", change)


def rank(url: str, players: int) -> None:
    """Give new players scores on the leaderboard `best`."""
    with connected(url) as connection:
        _FILL.rows(connection, RANKED_STAT, players)
        connection.execute("ANALYZE tally")


def _events_per_s(run: Run) -> float:
    return run.rate * BATCH


class _Handler:
    """A handler on a database of its own, and the events it was sent."""

    def __init__(self, place: Workplace, ground: Ground, server: ServerProcess) -> None:
        self.ground = ground
        self.before = read_tallies(ground.url)
        self.told: list[Reported] = []
        self._place = place
        self._server = server

    def measure(self) -> Run:
        """Saturate the handler for a turn."""
        run, outcome = report_batches(self._place, self._server, self.ground)
        self.told.append(outcome)
        return run


@contextmanager
def opened_boards(ground: Ground, redis_url: str) -> Iterator[LeaderboardAccess]:
    """Yield access to rankings in Redis as the services have it, after what they have missed is repaired."""
    with opened(ground.url) as database, closing(Cache(redis_url, connections_max=4)) as cache:
        cache.probe()
        record_catalogue(database, ground.catalogue, system_clock(), time.monotonic() + SETTLED_S)
        access = leaderboard_access(database, ground.catalogue, cache)
        sync = RankingSync(database, lambda: ground.catalogue, system_clock, access.boards, access.markers)
        sync.one_pass()
        sync.one_pass()
        yield access


def _check_boards(table: Table, ground: Ground, redis_url: str) -> None:
    """Add whether Redis has every score of the database."""
    with opened_boards(ground, redis_url) as access:
        for ranking in access.boards.missing(access.open_rankings()):
            access.build(ranking, lambda _: None)
        check = RankingCheck(access.database, lambda: access.catalogue, access.boards, random.Random(1), time.sleep)
        for board in access.catalogue.leaderboards:
            found = check.compare_all(board, RankingKey(board.id, 0))
            compared, different = (found.compared, found.differences) if found is not None else (0, 1)
            table.check(f"scores of the leaderboard {board.id} that differ in Redis", different, f"of {compared:,}")


def _add_build(place: Workplace, table: Table, redis_url: str) -> None:
    """Add how long it takes to rebuild a long ranking while it is read."""
    ground, players = with_boards(place, place.empty_ground()), place.terms.ranked
    place.say(f"board_upkeep: ranking {players:,} players")
    rank(ground.url, players)
    with opened_boards(ground, redis_url) as access:
        ranking = RankingKey("best", 0)
        board = access.catalogue.leaderboard_by_id[ranking.board_id]
        access.build(ranking, lambda _: None)
        started, reads, wrong = time.monotonic(), 0, 0
        with ThreadPoolExecutor(1) as pool:
            rebuild = pool.submit(access.build, ranking, lambda _: None)
            while not rebuild.done():
                page = access.boards.top(board, 0, 1, 100)
                reads += 1
                wrong += page is None or page.size != players or page.ranked[0].place != 1
                wait([rebuild], READ_INTERVAL_S)
            seconds = time.monotonic() - started
            wrong += rebuild.result() is not None
        table.add(f"rebuilding a ranking of {players:,}", seconds, Unit.SECONDS, at_most(60.0))
        table.check("wrong reads of the ranking in use meanwhile", wrong, f"of {reads:,}")
