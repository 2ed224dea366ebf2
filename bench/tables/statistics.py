"""`GetPlayerStats` of players who have completed everything."""

from __future__ import annotations

from challenge.v1 import statistics_service_pb2 as rpc
from google.protobuf.message import DecodeError

from bench.figures import Table, Unit
from bench.players import POINTS, TAGS, player_ids, store_veterans
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_calls
from bench.workbench import Workbench
from shared.runtime.clock import system_clock

STATS = "challenge.v1.StatisticsService/GetPlayerStats"
RATE = 300.0
VETERANS = 40


def measure_statistics(bench: Workbench) -> Table:
    """Measure latency at a fixed rate, and check every response."""
    setup, players = bench.empty_setup(), player_ids(VETERANS)
    goals = len(setup.catalogue.goals)
    table = Table(
        "statistics",
        "GetPlayerStats",
        f"{VETERANS} players who have completed {goals} goals in a year, each with {len(TAGS)} tags.",
    )
    bench.say(f"statistics: giving {VETERANS} players a year")
    store_veterans(setup.url, setup.catalogue, players, system_clock())
    with bench.service(CHALLENGE_SERVICE, setup) as service:
        requests = [rpc.GetPlayerStatsRequest(user_id=player).SerializeToString() for player in players]
        steady = bench.play_at(service, STATS, requests, RATE, repeat=True, keep_every=1)
    add_calls(table, f"at {RATE:g}/s", steady, p95=6.0)
    table.add("length of a response", steady.response_bytes, Unit.BYTES)
    kept = list(steady.responses.values())
    table.check("wrong responses", sum(not _is_right(response, goals) for response in kept), f"of {len(kept):,}")
    return table


def _is_right(response: bytes, goals: int) -> bool:
    try:
        stats = rpc.GetPlayerStatsResponse.FromString(response).stats
    except DecodeError:
        return False
    return (stats.total.completed, stats.total.claimed, stats.total.points) == (goals, 0, goals * POINTS)
