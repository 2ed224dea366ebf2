"""A cold start: the challenge service is started, and all players of a game arrive at once."""

from __future__ import annotations

from hashlib import blake2b
from itertools import count, islice

from challenge.v1 import challenge_service_pb2 as rpc

from bench.figures import Table, Unit
from bench.load import POSTGRES, OpenLoop, Stretch
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_failures, add_latency, add_memory
from bench.workplace import LOAD_CATALOGUE, Workplace, calls_for

INITIALIZE = "challenge.v1.ChallengeService/InitializePlayer"
NEW_PLAYERS = OpenLoop(rate=600, connections=8)


def measure_cold(place: Workplace) -> Table:
    """Whether calls fail between the moment in which the service takes the first and the one in which it is warm."""
    stretch = Stretch(0.0, 2 * place.terms.seconds)
    table = Table(
        "cold",
        "A cold start straight into load",
        f"{stretch.measured_s:g} s of {NEW_PLAYERS.rate:g} new players/s, from the moment in which the service says "
        "that it serves; an empty database.",
    )
    requests = list(islice(map(new_player, count()), calls_for(stretch, NEW_PLAYERS.rate)))
    with place.service(CHALLENGE_SERVICE, place.empty_database(), LOAD_CATALOGUE) as service:
        place.say(f"cold: InitializePlayer at {NEW_PLAYERS.rate:g}/s")
        run = place.play(service, INITIALIZE, requests, NEW_PLAYERS, stretch)
        add_latency(table, f"at {NEW_PLAYERS.rate:g}/s from the start", run)
        table.add("the longest call", run.latency_ms(1.0), Unit.MILLISECONDS)
        table.add("CPU per call", run.cpu_us(), Unit.MICROSECONDS)
        table.add("CPU of Postgres per call", run.cpu_us(POSTGRES), Unit.MICROSECONDS)
        add_memory(table, service.name, service.running_pid)
        add_failures(table, [run])
    return table


def new_player(number: int) -> bytes:
    """The call that initializes a player whom nobody knows."""
    user_id = blake2b(f"new player {number}".encode(), digest_size=16).hexdigest()
    return rpc.InitializePlayerRequest(user_id=user_id, time_zone="Europe/Berlin").SerializeToString()
