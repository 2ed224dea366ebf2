"""What metrics and traces cost: the services' server around an empty servicer, with and without them."""

from __future__ import annotations

from contextlib import ExitStack

from challenge.v1 import challenge_service_pb2 as rpc

from bench.empty.admitted import SAMPLE_RATIO, TELEMETRY
from bench.figures import Table, Unit, at_most
from bench.load import ClosedLoop, Stretch
from bench.processes import ServerProcess
from bench.workplace import Workplace
from devstack.ports import LOOPBACK

METHOD = "challenge.v1.ChallengeService/GetChallenge"
SATURATION = ClosedLoop(in_flight=8)
TURN = Stretch(warm_up_s=0.2, measured_s=0.8)
ROUNDS_MIN = 5
"""A few percent only show over many short rounds."""
SAMPLED = f"{SAMPLE_RATIO:.0%} of calls"


def measure_telemetry(place: Workplace) -> Table:
    """CPU per call with each kind of telemetry, and beside bare gRPC."""
    request = rpc.GetChallengeRequest().SerializeToString()
    with ExitStack() as running:
        bare = running.enter_context(place.bare(0))
        # Any method of the bare server answers, so it passes for a collector.
        collector = f"http://{LOOPBACK}:{bare.port}"
        servers = [running.enter_context(place.admitted(kind, collector)) for kind in TELEMETRY]

        def cpu_us(server: ServerProcess) -> float:
            run = place.play(server, METHOD, [request], SATURATION, TURN, repeat=True)
            if run.failed:
                raise RuntimeError(f"calls of an empty handler failed: {run.failures}")
            return run.cpu_us()

        rounds = [
            [cpu_us(server) for server in (bare, *servers)]
            for _ in place.rounds("telemetry", max(ROUNDS_MIN, place.terms.rounds))
        ]
    table = Table(
        "telemetry",
        "What telemetry costs",
        f"An empty unary call through the services' server; {SATURATION.in_flight} calls in flight on "
        f"{SATURATION.connections} connections, one core. The least of {len(rounds)} rounds in turns.",
    )
    # Disturbances only ever add to CPU time, through caches that are lost, so the least of many rounds is the truest.
    bare_us, without_us, *with_us = [min(column) for column in zip(*rounds, strict=True)]
    table.add("CPU per call, bare gRPC", bare_us, Unit.MICROSECONDS)
    table.add("CPU per call, without telemetry", without_us, Unit.MICROSECONDS)
    for name, cost_us in zip(("with metrics", f"with metrics, {SAMPLED} traced"), with_us, strict=True):
        table.add(f"CPU per call, {name}", cost_us, Unit.MICROSECONDS)
        table.add(f"{name}: more than without", 100 * (cost_us / without_us - 1), Unit.PERCENT, at_most(5.0))
    return table
