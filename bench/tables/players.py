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
from bench.workplace import Ground, Workplace, calls_for
from load_generator.plan import ClosedLoop

SERVICE = "challenge.v1.ChallengeService"
INITIALIZE, ACTIVATE = f"{SERVICE}/InitializePlayer", f"{SERVICE}/SetGoalActive"
INITIALIZE_RATE, ACTIVATE_RATE = 300.0, 100.0
SATURATION = ClosedLoop(in_flight=32, connections=8)
"""As many calls as a worker handles at once."""
SATURATED_RATE_MAX = 6_000.0
"""New players prepared per second, more than a saturated service takes."""


def measure_players(place: Workplace) -> Table:
    """Measure latency at fixed rates, and new players per core."""
    table = Table(
        "players",
        "InitializePlayer, SetGoalActive",
        f"{place.terms.players:,} players with history. Nearly all activations change something. "
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections.",
    )
    with place.ground() as ground, place.service(CHALLENGE_SERVICE, ground) as service:
        new_players = map(new_player, count())
        for name, method, rate, requests, p95, writes in (
            ("InitializePlayer, new", INITIALIZE, INITIALIZE_RATE, new_players, 10.0, "floor_player"),
            ("InitializePlayer, returning", INITIALIZE, INITIALIZE_RATE, _returning(ground), 8.0, ""),
            ("SetGoalActive", ACTIVATE, ACTIVATE_RATE, activation_requests(ground), 12.0, "floor_activation"),
        ):
            run = place.play_at(service, method, requests, rate, writes=writes)
            floor_p95 = at_most(1.5) if method == ACTIVATE else None
            add_calls(table, f"of {name} at {rate:g}/s", run, p95=p95, floor_p95=floor_p95)
        activations, turn = activation_requests(ground), place.terms.turn
        activated = list(islice(activations, 1_000))
        with place.running(services.empty_handler(run.response_bytes)) as empty:
            turns = place.in_turns(
                "players: SetGoalActive, saturated",
                lambda: place.play(
                    service, ACTIVATE, islice(activations, calls_for(turn, SATURATED_RATE_MAX)), SATURATION, turn
                ),
                lambda: place.play(empty, ACTIVATE, activated, SATURATION, turn, repeat=True),
            )
        place.say("players: InitializePlayer, new, saturated")
        some = islice(new_players, calls_for(place.terms.stretch, SATURATED_RATE_MAX))
        run = place.play(service, INITIALIZE, some, SATURATION)
    table.add("InitializePlayer, new, saturated", run.rate, Unit.CALLS_A_SECOND, at_least(1_000))
    table.add("CPU per call, InitializePlayer saturated", cpu_us(run), Unit.MICROSECONDS)
    table.add("CPU of Postgres per call, InitializePlayer saturated", postgres_us(run), Unit.MICROSECONDS)
    add_saturated(table, turns, at_least(0.25), of="SetGoalActive ")
    return table


def new_player(number: int) -> bytes:
    """Return the call that initializes a player who is not known yet."""
    user_id = blake2b(f"new player {number}".encode(), digest_size=16).hexdigest()
    return rpc.InitializePlayerRequest(user_id=user_id, time_zone="Europe/Berlin").SerializeToString()


def _returning(ground: Ground) -> Iterator[bytes]:
    return (rpc.InitializePlayerRequest(user_id=player).SerializeToString() for player in cycle(ground.play.shuffled()))


def activation_requests(ground: Ground) -> Iterator[bytes]:
    """Yield activations of goals that are not assigned by default; few players have activated them before."""
    goals = [goal for goal in ground.catalogue.goals.values() if not goal.default_assigned]
    players = ground.play.shuffled()
    return (
        rpc.SetGoalActiveRequest(
            user_id=player, challenge_id=goal.challenge_id, goal_id=goal.id, active=True
        ).SerializeToString()
        for goal in ground.play.random.sample(goals, len(goals))
        for player in players
    )
