"""`GetPlayerStats` of players who have completed everything."""

from __future__ import annotations

from challenge.v1 import statistics_service_pb2 as rpc
from google.protobuf.message import DecodeError

from bench import services
from bench.figures import Table, Unit
from bench.load import POSTGRES
from bench.players import POINTS, TAGS, player_ids, store_veterans
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_failures, add_latency
from bench.workplace import LOAD_CATALOGUE, Workplace
from load_generator.plan import OpenLoop
from shared.catalogue.loader import load
from shared.runtime.clock import system_clock

STATS = "challenge.v1.StatisticsService/GetPlayerStats"
RATE = 300.0
VETERANS = 40


def measure_statistics(place: Workplace) -> Table:
    """Measure latency at a fixed rate, and check every response."""
    catalogue = load(LOAD_CATALOGUE)
    goals = len(catalogue.goals)
    table = Table(
        "statistics",
        "GetPlayerStats",
        f"{VETERANS} players who have completed {goals} goals in a year, each with {len(TAGS)} tags.",
    )
    url = place.empty_database()
    players = player_ids(VETERANS)
    place.say(f"statistics: giving {VETERANS} players a year")
    store_veterans(url, catalogue, players, system_clock())
    with place.running(services.service(CHALLENGE_SERVICE, url, LOAD_CATALOGUE)) as service:
        requests = [rpc.GetPlayerStatsRequest(user_id=player).SerializeToString() for player in players]
        place.say(f"statistics: open loop at {RATE:g}/s")
        steady = place.play(service, STATS, requests, OpenLoop(rate=RATE), repeat=True, keep_every=1)
    add_latency(table, f"at {RATE:g}/s", steady, p95=6.0)
    table.add("CPU per call", steady.cpu_us(), Unit.MICROSECONDS)
    table.add("CPU of Postgres per call", steady.cpu_us(POSTGRES), Unit.MICROSECONDS)
    table.add("length of a response", steady.response_bytes, Unit.BYTES)
    add_failures(table, [steady])
    kept = list(steady.responses.values())
    table.check("wrong responses", sum(not _is_right(response, goals) for response in kept), f"of {len(kept):,}")
    return table


def _is_right(response: bytes, goals: int) -> bool:
    try:
        stats = rpc.GetPlayerStatsResponse.FromString(response).stats
    except DecodeError:
        return False
    return (stats.total.completed, stats.total.claimed, stats.total.points) == (goals, 0, goals * POINTS)
