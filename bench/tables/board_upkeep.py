"""The cost of leaderboards: events with leaderboards beside events without, and rebuilding a long ranking."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from challenge.v1 import event_service_pb2 as rpc

from admin.leaderboard_access import LeaderboardAccess, leaderboard_access
from bench import services
from bench.correctness import Reported, check_events, read_tallies, reported
from bench.database import connected, opened, statement
from bench.events import MEASURED
from bench.figures import Table, Unit, at_least, at_most
from bench.load import Run, median, ratio
from bench.services import EVENT_HANDLER
from bench.tables.batches import BATCH, RATE_MAX, REPORT_BATCH, SATURATION, Batches, batch_request, batches
from bench.tables.calls import add_failures
from bench.workplace import LOAD_CATALOGUE, Workplace, calls_for
from shared.cache.redis import Cache
from shared.catalogue.loader import load
from shared.catalogue.yaml_document import parse_yaml
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
    path = catalogue_with_boards(place.directory)
    with place.redis() as redis_url, ExitStack() as running:
        with_boards = _Handler(place, running, path, REDIS_URL=redis_url)
        without = _Handler(place, running, LOAD_CATALOGUE)
        turns = place.in_turns("board_upkeep", with_boards.measure, without.measure)
        throughput = ratio([(ours.rate, bare.rate) for ours, bare in turns])
        cpu = ratio([(ours.cpu_us(), bare.cpu_us()) for ours, bare in turns])
        table.add(
            "events with two leaderboards", median([ours.rate * BATCH for ours, _ in turns]), Unit.EVENTS_A_SECOND
        )
        table.add("events without", median([bare.rate * BATCH for _, bare in turns]), Unit.EVENTS_A_SECOND)
        table.add("throughput beside none", throughput.value, Unit.RATIO, at_least(0.75), str(throughput))
        table.add("CPU of the handler beside none", cpu.value, Unit.RATIO, note=str(cpu))
        add_failures(table, [run for turn in turns for run in turn])
        for handler in (with_boards, without):
            check_events(table, handler.url, handler.before, handler.told)
        _check_boards(table, with_boards.url, redis_url, path)
    with place.redis() as redis_url:
        _add_build(place, table, redis_url, path)
    return table


def catalogue_with_boards(directory: Path) -> Path:
    """Write the load catalogue with points for every goal and two leaderboards."""
    document: Any = parse_yaml(LOAD_CATALOGUE.read_text(encoding="utf-8")).value
    for challenge in document["challenges"]:
        for goal in challenge["goals"]:
            goal["points"] = POINTS
    path = directory / "catalogue-with-boards.json"
    path.write_text(json.dumps({**document, "leaderboards": BOARDS}))
    return path


class _Handler:
    """A handler on a database of its own, and the events it was sent."""

    def __init__(self, place: Workplace, running: ExitStack, path: Path, **where: str) -> None:
        self._place = place
        self._ground = running.enter_context(place.ground())
        self.url = self._ground.url
        self.before = read_tallies(self.url)
        self.told: list[Reported] = []
        self._server = running.enter_context(place.running(services.service(EVENT_HANDLER, self.url, path, **where)))

    def measure(self) -> Run:
        """Saturate the handler for a turn."""
        stretch = self._place.terms.turn
        sent: Batches = batches(self._ground.play, calls_for(stretch, RATE_MAX / BATCH))
        run = self._place.play(self._server, REPORT_BATCH, map(batch_request, sent), SATURATION, stretch, keep_every=1)
        self._ground.play.take_back(sent[len(run.played.codes) :])
        self.told.append(reported(run, sent, rpc.ReportEventsResponse))
        return run


@contextmanager
def _opened(url: str, redis_url: str, path: Path) -> Iterator[LeaderboardAccess]:
    """Yield access to rankings in Redis as the services have it, after what they have missed is repaired."""
    with opened(url) as database, closing(Cache(redis_url, connections_max=4)) as cache:
        cache.probe()
        catalogue = load(path)
        record_catalogue(database, catalogue, system_clock(), time.monotonic() + SETTLED_S)
        access = leaderboard_access(database, catalogue, cache)
        sync = RankingSync(database, lambda: catalogue, system_clock, access.boards, access.markers)
        sync.one_pass()
        sync.one_pass()
        yield access


def _check_boards(table: Table, url: str, redis_url: str, path: Path) -> None:
    """Add whether Redis has every score of the database."""
    with _opened(url, redis_url, path) as access:
        for ranking in access.boards.missing(access.open_rankings()):
            access.build(ranking, lambda _: None)
        check = RankingCheck(access.database, lambda: access.catalogue, access.boards, random.Random(1), time.sleep)
        for board in access.catalogue.leaderboards:
            found = check.compare_all(board, RankingKey(board.id, 0))
            compared, different = (found.compared, found.differences) if found is not None else (0, 1)
            table.check(f"scores of the leaderboard {board.id} that differ in Redis", different, f"of {compared:,}")


def _add_build(place: Workplace, table: Table, redis_url: str, path: Path) -> None:
    """Add how long it takes to rebuild a long ranking while it is read."""
    url, players = place.empty_database(), place.terms.ranked
    place.say(f"board_upkeep: ranking {players:,} players")
    with connected(url) as connection:
        _FILL.rows(connection, RANKED_STAT, players)
        connection.execute("ANALYZE tally")
    with _opened(url, redis_url, path) as access:
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
