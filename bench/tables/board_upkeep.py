"""The cost of leaderboards: events with leaderboards compared with events without, and rebuilding a long ranking."""

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
from bench.workbench import Setup, Workbench
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


def measure_board_upkeep(bench: Workbench) -> Table:
    """Measure events with two leaderboards compared with none, and how long it takes to build a long ranking."""
    table = Table(
        "board_upkeep",
        "Keeping leaderboards up",
        f"ReportEvents with {BATCH:,} events a call and {bench.scale.players:,} players with history, as in `batches`: "
        "a handler with two leaderboards in Redis (points of all goals, and the best of a stat that every fifth event "
        "moves), alternating with a handler without leaderboards and without Redis. Then a ranking of "
        f"{bench.scale.ranked:,} players is built.",
    )
    with bench.redis() as redis_url, ExitStack() as stack:
        plain, other = (stack.enter_context(bench.setup()) for _ in range(2))
        ranked = with_boards(bench, plain)
        ours, bare = (
            _Handler(bench, ranked, stack.enter_context(bench.service(EVENT_HANDLER, ranked, REDIS_URL=redis_url))),
            _Handler(bench, other, stack.enter_context(bench.service(EVENT_HANDLER, other))),
        )
        pairs = bench.alternating("board_upkeep", ours.measure, bare.measure)
        add_medians(table, "events", pairs, _events_per_s, Unit.EVENTS_A_SECOND, "with two leaderboards", "without")
        add_ratio(table, "throughput relative to no leaderboards", pairs, rate, at_least(0.75))
        add_ratio(table, "CPU of the handler relative to no leaderboards", pairs, cpu_us)
        for handler in (ours, bare):
            check_events(table, handler.setup.url, handler.before, handler.outcomes)
        _check_boards(table, ranked, redis_url)
    with bench.redis() as redis_url:
        _add_build(bench, table, redis_url)
    return table


def with_boards(bench: Workbench, setup: Setup) -> Setup:
    """Return the same setup with points for every goal of its catalogue, and two leaderboards."""

    def change(document: Any) -> None:
        document["leaderboards"] = BOARDS
        for challenge in document["challenges"]:
            for goal in challenge["goals"]:
                goal["points"] = POINTS

    return bench.changed(setup, "with-boards", change)


def rank(url: str, players: int) -> None:
    """Give new players scores on the leaderboard `best`."""
    with connected(url) as connection:
        _FILL.rows(connection, RANKED_STAT, players)
        connection.execute("ANALYZE tally")


def _events_per_s(run: Run) -> float:
    return run.rate * BATCH


class _Handler:
    """A handler on a database of its own, and the events it was sent."""

    def __init__(self, bench: Workbench, setup: Setup, server: ServerProcess) -> None:
        self.setup = setup
        self.before = read_tallies(setup.url)
        self.outcomes: list[Reported] = []
        self._bench = bench
        self._server = server

    def measure(self) -> Run:
        """Saturate the handler for a short run."""
        run, outcome = report_batches(self._bench, self._server, self.setup)
        self.outcomes.append(outcome)
        return run


@contextmanager
def opened_boards(setup: Setup, redis_url: str) -> Iterator[LeaderboardAccess]:
    """Yield access to rankings in Redis as the services have it, after what they have missed is repaired."""
    with opened(setup.url) as database, closing(Cache(redis_url, connections_max=4)) as cache:
        cache.probe()
        record_catalogue(database, setup.catalogue, system_clock(), time.monotonic() + SETTLED_S)
        access = leaderboard_access(database, setup.catalogue, cache)
        sync = RankingSync(database, lambda: setup.catalogue, system_clock, access.boards, access.markers)
        sync.one_pass()
        sync.one_pass()
        yield access


def _check_boards(table: Table, setup: Setup, redis_url: str) -> None:
    """Add whether Redis has every score of the database."""
    with opened_boards(setup, redis_url) as access:
        for ranking in access.boards.missing(access.open_rankings()):
            access.build(ranking, lambda _: None)
        check = RankingCheck(access.database, lambda: access.catalogue, access.boards, random.Random(1), time.sleep)
        for board in access.catalogue.leaderboards:
            found = check.compare_all(board, RankingKey(board.id, 0))
            compared, different = (found.compared, found.differences) if found is not None else (0, 1)
            table.check(f"scores of the leaderboard {board.id} that differ in Redis", different, f"of {compared:,}")


def _add_build(bench: Workbench, table: Table, redis_url: str) -> None:
    """Add how long it takes to rebuild a long ranking while it is read."""
    setup, players = with_boards(bench, bench.empty_setup()), bench.scale.ranked
    bench.say(f"board_upkeep: ranking {players:,} players")
    rank(setup.url, players)
    with opened_boards(setup, redis_url) as access:
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
