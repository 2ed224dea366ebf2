"""The calls on login and in the menus: `InitializePlayer`, `SetGoalActive`."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import count, cycle, islice

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.figures import Table, Unit, at_least, at_most
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_calls, add_saturated, cpu_us, postgres_us
from bench.workbench import Setup, Workbench, calls_for
from load_generator.plan import ClosedLoop

SERVICE = "challenge.v1.ChallengeService"
INITIALIZE, ACTIVATE = f"{SERVICE}/InitializePlayer", f"{SERVICE}/SetGoalActive"
INITIALIZE_RATE, ACTIVATE_RATE = 300.0, 100.0
SATURATION = ClosedLoop(in_flight=32, connections=8)
"""As many calls as a worker handles at once."""
SATURATED_RATE_MAX = 6_000.0
"""New players prepared per second, more than a saturated service takes."""


def measure_players(bench: Workbench) -> Table:
    """Measure latency at fixed rates, and new players per core."""
    table = Table(
        "players",
        "InitializePlayer, SetGoalActive",
        f"{bench.scale.players:,} players with history. Nearly all activations change something. "
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections.",
    )
    with bench.setup() as setup, bench.service(CHALLENGE_SERVICE, setup) as service:
        new_players = map(new_player, count())
        for name, method, rate, requests, p95, writes in (
            ("InitializePlayer, new", INITIALIZE, INITIALIZE_RATE, new_players, 10.0, "floor_player"),
            ("InitializePlayer, returning", INITIALIZE, INITIALIZE_RATE, _returning(setup), 8.0, ""),
            ("SetGoalActive", ACTIVATE, ACTIVATE_RATE, activation_requests(setup), 12.0, "floor_activation"),
        ):
            run = bench.play_at(service, method, requests, rate, writes=writes)
            floor_p95 = at_most(1.5) if method == ACTIVATE else None
            add_calls(table, f"of {name} at {rate:g}/s", run, p95=p95, floor_p95=floor_p95)
        activations, length = activation_requests(setup), bench.scale.short_run
        activated = list(islice(activations, 1_000))
        with bench.running(services.empty_handler(run.response_bytes)) as empty:
            pairs = bench.alternating(
                "players: SetGoalActive, saturated",
                lambda: bench.play(
                    service, ACTIVATE, islice(activations, calls_for(length, SATURATED_RATE_MAX)), SATURATION, length
                ),
                lambda: bench.play(empty, ACTIVATE, activated, SATURATION, length, repeat=True),
            )
        bench.say("players: InitializePlayer, new, saturated")
        some = islice(new_players, calls_for(bench.scale.long_run, SATURATED_RATE_MAX))
        run = bench.play(service, INITIALIZE, some, SATURATION)
    table.add("InitializePlayer, new, saturated", run.rate, Unit.CALLS_A_SECOND, at_least(1_000))
    table.add("CPU per call, InitializePlayer saturated", cpu_us(run), Unit.MICROSECONDS)
    table.add("CPU of Postgres per call, InitializePlayer saturated", postgres_us(run), Unit.MICROSECONDS)
    add_saturated(table, pairs, at_least(0.25), of="SetGoalActive ")
    return table


def new_player(number: int) -> bytes:
    """Return the call that initializes a player who is not known yet."""
    user_id = blake2b(f"new player {number}".encode(), digest_size=16).hexdigest()
    return rpc.InitializePlayerRequest(user_id=user_id, time_zone="Europe/Berlin").SerializeToString()


def _returning(setup: Setup) -> Iterator[bytes]:
    return (rpc.InitializePlayerRequest(user_id=player).SerializeToString() for player in cycle(setup.play.shuffled()))


def activation_requests(setup: Setup) -> Iterator[bytes]:
    """Yield activations of goals that are not assigned by default; few players have activated them before."""
    goals = [goal for goal in setup.catalogue.goals.values() if not goal.default_assigned]
    players = setup.play.shuffled()
    return (
        rpc.SetGoalActiveRequest(
            user_id=player, challenge_id=goal.challenge_id, goal_id=goal.id, active=True
        ).SerializeToString()
        for goal in setup.play.random.sample(goals, len(goals))
        for player in players
    )
