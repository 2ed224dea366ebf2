"""`ClaimReward`: a claim and its grant, stored together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.database import connected, statement
from bench.figures import Table, at_least
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_calls, add_saturated
from bench.workbench import Setup, Workbench, calls_for
from load_generator.plan import ClosedLoop

CLAIM = "challenge.v1.ChallengeService/ClaimReward"
RATE = 200.0
SATURATION = ClosedLoop(in_flight=32, connections=8)
"""As many calls as a worker handles at once."""
RATE_MAX = 2_500.0
"""Claims prepared per second, more than a saturated service takes."""


def measure_claims(bench: Workbench) -> Table:
    """Measure the latency of a claim, and claims per core compared with an empty handler."""
    table = Table(
        "claims",
        "ClaimReward, which returns after COMMIT",
        f"{bench.scale.players:,} players with history claim what they have completed, each once, under a request id. "
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections, alternating with "
        "the empty handler.",
    )
    with bench.setup() as setup, bench.service(CHALLENGE_SERVICE, setup) as service:
        claims = list(claim_requests(setup))
        following = iter(claims)
        steady = bench.play_at(service, CLAIM, following, RATE, writes="floor_claim")
        length = bench.scale.short_run
        with bench.running(services.empty_handler(steady.response_bytes)) as empty:
            pairs = bench.alternating(
                "claims: saturated",
                lambda: bench.play(service, CLAIM, islice(following, calls_for(length, RATE_MAX)), SATURATION, length),
                lambda: bench.play(empty, CLAIM, claims[:1_000], SATURATION, length, repeat=True),
            )
    add_calls(table, f"at {RATE:g}/s", steady, p95=15.0)
    add_saturated(table, pairs, at_least(0.35))
    return table


def claim_requests(setup: Setup) -> Iterator[bytes]:
    """Yield a claim for every completion, in random order."""
    with connected(setup.url) as connection:
        completed = statement("claimable").rows(connection)
    goals = setup.catalogue.goals
    for number, (user_id, goal_id) in enumerate(setup.play.random.sample(completed, len(completed))):
        yield rpc.ClaimRewardRequest(
            user_id=user_id,
            challenge_id=goals[goal_id].challenge_id,
            goal_id=goal_id,
            request_id=f"claim-{number}",
        ).SerializeToString()
