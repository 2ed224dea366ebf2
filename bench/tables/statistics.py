"""`GetPlayerStats`, beside adding the same players up from the beginning."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from typing import NamedTuple

from challenge.v1 import statistics_service_pb2 as rpc
from google.protobuf.message import DecodeError

from bench.database import opened
from bench.figures import Table, Unit, at_least
from bench.load import POSTGRES, OpenLoop
from bench.players import player_ids
from bench.ratios import ratio
from bench.samples import median
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_failures, add_latency
from bench.veterans import ADJUSTMENTS, POINTS, TAGS, give_years
from bench.workplace import LOAD_CATALOGUE, Workplace
from shared.catalogue.loader import load
from shared.domain.catalogue import Catalogue
from shared.domain.instant import day_of
from shared.domain.recalculation import recalculated
from shared.domain.standings import Standing
from shared.operations.statistics.player_statistics import read_player_statistics
from shared.postgres.connection import Connection
from shared.postgres.database import Database
from shared.postgres.statistics import histories, standings
from shared.runtime.clock import system_clock

STATS = "challenge.v1.StatisticsService/GetPlayerStats"
RATE = 300.0
VETERANS = 40
SAMPLES = 12
"""Of each way in each round, on as many players."""
DEADLINE_S = 30.0


class Costs(NamedTuple):
    """Of one round: medians in milliseconds."""

    asked: float
    added_up: float
    stored: float


def measure_statistics(place: Workplace) -> Table:
    """Latency at a fixed rate, and what it saves that statistics are kept up."""
    catalogue = load(LOAD_CATALOGUE)
    goals = len(catalogue.goals)
    table = Table(
        "statistics",
        "GetPlayerStats, and recomputing",
        f"{VETERANS} players who have completed and claimed {goals} goals in a year, each with {len(TAGS)} tags, and "
        f"{ADJUSTMENTS} adjustments of points. Recomputing one of them: reading all of that with one statement, and "
        "adding it up; and the same with storing what comes out, as a service would after each completion. In turns "
        f"with reading the statistics, in one process, {SAMPLES} times each a round.",
    )
    url = place.empty_database()
    players = player_ids(VETERANS)
    place.say(f"statistics: giving {VETERANS} players a year")
    give_years(url, catalogue, players, system_clock())
    with place.service(CHALLENGE_SERVICE, url, LOAD_CATALOGUE) as service:
        requests = [rpc.GetPlayerStatsRequest(user_id=player).SerializeToString() for player in players]
        place.say(f"statistics: open loop at {RATE:g}/s")
        steady = place.play(service, STATS, requests, OpenLoop(rate=RATE), repeat=True, keep_every=1)
    with opened(url) as database, place.on_the_servers_core():
        rounds = [_costs(database, catalogue, players) for _ in place.rounds("statistics", place.terms.rounds)]
    add_latency(table, f"at {RATE:g}/s", steady, p95=6.0)
    table.add("CPU per call", steady.cpu_us(), Unit.MICROSECONDS)
    table.add("CPU of Postgres per call", steady.cpu_us(POSTGRES), Unit.MICROSECONDS)
    table.add("length of an answer", steady.answer_bytes, Unit.BYTES)
    _add_costs(table, rounds)
    add_failures(table, [steady])
    kept = list(steady.answers.values())
    table.check("answers that are wrong", sum(not _is_right(answer, goals) for answer in kept), f"of {len(kept):,}")
    return table


def _add_costs(table: Table, rounds: Sequence[Costs]) -> None:
    table.add("reading the statistics", median([costs.asked for costs in rounds]), Unit.MILLISECONDS)
    table.add("reading everything and adding up", median([costs.added_up for costs in rounds]), Unit.MILLISECONDS)
    table.add("the same, and storing it", median([costs.stored for costs in rounds]), Unit.MILLISECONDS)
    added_up = ratio([(costs.added_up, costs.asked) for costs in rounds])
    stored = ratio([(costs.stored, costs.asked) for costs in rounds])
    table.add("recomputing beside reading", added_up.value, Unit.RATIO, at_least(20.0), str(added_up))
    table.add("the same, with storing it", stored.value, Unit.RATIO, note=str(stored))


def _costs(database: Database, catalogue: Catalogue, players: Sequence[str]) -> Costs:
    """Every way on every player in turn, so that what disturbs one disturbs all."""
    ways: list[Callable[[str], object]] = [
        lambda player: read_player_statistics(database, catalogue, player, day_of(system_clock()), _soon()),
        lambda player: database.autocommit(lambda connection: _added_up(connection, catalogue, player), _soon()),
        lambda player: database.transact(lambda connection: _recomputed(connection, catalogue, player), _soon()),
    ]
    for way in ways:
        way(players[0])  # Prepares its statements.
    times = [[_timed_ms(way, player) for way in ways] for player in _some(players)]
    return Costs(*(median(of_way) for of_way in zip(*times, strict=True)))


def _added_up(connection: Connection, catalogue: Catalogue, player: str) -> object:
    return recalculated(player, histories.read(connection, [player])[player], catalogue.points_schedules)


def _recomputed(connection: Connection, catalogue: Catalogue, player: str) -> object:
    anew = recalculated(player, histories.read(connection, [player])[player], catalogue.points_schedules)
    standings.merge(connection, dict.fromkeys(anew, Standing()))
    standings.store(connection, anew)
    return anew


def _timed_ms(way: Callable[[str], object], player: str) -> float:
    started = time.perf_counter()
    way(player)
    return 1e3 * (time.perf_counter() - started)


def _some(players: Sequence[str]) -> Iterable[str]:
    return [player for player, _ in zip(cycle(players), range(SAMPLES), strict=False)]


def _soon() -> float:
    return time.monotonic() + DEADLINE_S


def _is_right(answer: bytes, goals: int) -> bool:
    try:
        stats = rpc.GetPlayerStatsResponse.FromString(answer).stats
    except DecodeError:
        return False
    points = goals * POINTS + ADJUSTMENTS * 5
    return (stats.total.completed, stats.total.claimed, stats.total.points) == (goals, goals, points)
