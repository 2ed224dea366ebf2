"""`ClaimReward`: a claim and its grant, stored together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.database import connected, statement
from bench.figures import Table, Unit, at_least
from bench.load import POSTGRES, Run, median, ratio
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_failures, add_latency
from bench.workplace import Ground, Workplace, calls_for
from load_generator.plan import ClosedLoop, OpenLoop, Stretch

CLAIM = "challenge.v1.ChallengeService/ClaimReward"
RATE = 200.0
SATURATION = ClosedLoop(in_flight=32, connections=8)
"""As many calls as a worker handles at once."""
RATE_MAX = 2_500.0
"""Claims prepared per second, more than a saturated service takes."""


def measure_claims(place: Workplace) -> Table:
    """Measure the latency of a claim, and claims per core beside an empty handler."""
    table = Table(
        "claims",
        "ClaimReward, which returns after COMMIT",
        f"{place.terms.players:,} players with history claim what they have completed, each once, under a request id. "
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections, in turns with the "
        "empty handler.",
    )
    with (
        place.ground() as ground,
        place.running(services.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path)) as service,
    ):
        claims = list(_claims(ground))
        following = iter(claims)

        def claim(pace: OpenLoop | ClosedLoop, stretch: Stretch, rate: float) -> Run:
            """Make the next claims, at most at this rate."""
            return place.play(service, CLAIM, islice(following, calls_for(stretch, rate)), pace, stretch)

        place.say(f"claims: open loop at {RATE:g}/s")
        steady = claim(OpenLoop(rate=RATE), place.terms.stretch, RATE)
        turn = place.terms.turn
        with place.running(services.empty_handler(steady.response_bytes)) as empty:
            turns = place.in_turns(
                "claims: saturated",
                lambda: claim(SATURATION, turn, RATE_MAX),
                lambda: place.play(empty, CLAIM, claims[:1_000], SATURATION, turn, repeat=True),
            )
    add_latency(table, f"at {RATE:g}/s", steady, p95=15.0)
    table.add(f"CPU per call at {RATE:g}/s", steady.cpu_us(), Unit.MICROSECONDS)
    rates = ratio([(run.rate, empty_run.rate) for run, empty_run in turns])
    cores = ratio([(run.rate_per_core, empty_run.rate_per_core) for run, empty_run in turns])
    table.add("CPU per call, saturated", median([run.cpu_us() for run, _ in turns]), Unit.MICROSECONDS)
    in_postgres = median([run.cpu_us(POSTGRES) for run, _ in turns])
    table.add("CPU of Postgres per call, saturated", in_postgres, Unit.MICROSECONDS)
    table.add("rate, saturated", median([run.rate for run, _ in turns]), Unit.CALLS_A_SECOND)
    table.add("rate beside the empty handler", rates.value, Unit.RATIO, at_least(0.2), str(rates))
    table.add("calls per core-second beside the empty handler", cores.value, Unit.RATIO, note=str(cores))
    add_failures(table, [steady, *(run for run, _ in turns)])
    return table


def _claims(ground: Ground) -> Iterator[bytes]:
    """Yield a claim for every completion, in random order."""
    with connected(ground.url) as connection:
        completed = statement("claimable").rows(connection)
    goals = ground.catalogue.goals
    for number, (user_id, goal_id) in enumerate(ground.play.random.sample(completed, len(completed))):
        yield rpc.ClaimRewardRequest(
            user_id=user_id,
            challenge_id=goals[goal_id].challenge_id,
            goal_id=goal_id,
            request_id=f"claim-{number}",
        ).SerializeToString()
