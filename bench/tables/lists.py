"""`ListChallenges`: all 500 goals of players with a history."""

from __future__ import annotations

from challenge.v1 import challenge_service_pb2 as rpc
from google.protobuf.message import DecodeError

from bench.figures import Table, Unit, at_least, at_most
from bench.load import POSTGRES, ClosedLoop, OpenLoop, Run
from bench.ratios import ratio
from bench.samples import median
from bench.workplace import CHALLENGE_SERVICE, Workplace, shuffled
from shared.domain.catalogue import Catalogue

LIST = "challenge.v1.ChallengeService/ListChallenges"
RATE = 300.0
SATURATION = ClosedLoop(in_flight=16)
KEEP_EVERY = 20
"""Of the lists of a saturated run, which are 75 KB each; of the open loop all are kept."""


def measure_lists(place: Workplace) -> Table:
    """CPU and rate beside an empty handler that answers as many bytes, and latency at a fixed rate."""
    with place.ground() as ground, place.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path) as service:
        requests = [
            rpc.ListChallengesRequest(user_id=player).SerializeToString() for player in shuffled(ground.play)
        ]
        place.say(f"lists: open loop at {RATE:g}/s")
        steady = place.play(service, LIST, requests, OpenLoop(rate=RATE), repeat=True, keep_every=1)
        with place.bare(steady.answer_bytes) as empty:
            turns = place.in_turns(
                "lists: saturated",
                lambda: place.play(
                    service, LIST, requests, SATURATION, place.terms.turn, repeat=True, keep_every=KEEP_EVERY
                ),
                lambda: place.play(empty, LIST, requests, SATURATION, place.terms.turn, repeat=True),
            )
        table = Table(
            "lists",
            f"ListChallenges, all {len(ground.catalogue.goals)} goals",
            f"{len(requests):,} players with history, in random order. Saturated: {SATURATION.in_flight} calls in "
            f"flight on {SATURATION.connections} connections, in turns with the empty handler, one core each.",
        )
        lists = [run for run, _ in turns]
        cpu = ratio([(run.cpu_us(), empty.cpu_us()) for run, empty in turns])
        rate = ratio([(run.rate, empty.rate) for run, empty in turns])
        empty_cpu = median([empty.cpu_us() for _, empty in turns])
        empty_rate = median([empty.rate for _, empty in turns])
        table.add("CPU per call", median([run.cpu_us() for run in lists]), Unit.MICROSECONDS)
        table.add("that of the empty handler", empty_cpu, Unit.MICROSECONDS)
        table.add("CPU beside the empty handler", cpu.value, Unit.RATIO, at_most(2.0), str(cpu))
        table.add("rate, saturated", median([run.rate for run in lists]), Unit.CALLS_A_SECOND, note="aim 2,000")
        table.add("that of the empty handler", empty_rate, Unit.CALLS_A_SECOND)
        table.add("rate beside the empty handler", rate.value, Unit.RATIO, at_least(0.5), str(rate))
        table.add("CPU of Postgres per call", median([run.cpu_us(POSTGRES) for run in lists]), Unit.MICROSECONDS)
        table.add("length of an answer", steady.answer_bytes, Unit.BYTES)
        add_latency(table, f"at {RATE:g}/s", steady, p50=3.0, p95=8.0)
        kept = [answer for run in (steady, *lists) for answer in run.answers.values()]
        table.check("failed calls", sum(run.failed for run in (steady, *lists)), steady.failures)
        table.check(
            "lists that are not whole",
            sum(not _is_whole(answer, ground.catalogue) for answer in kept),
            f"of {len(kept):,} that were kept",
        )
        return table


def add_latency(
    table: Table, name: str, run: Run, *, p50: float | None = None, p95: float | None = None, p99: float | None = None
) -> None:
    """The percentiles of an open loop, in milliseconds, with their targets."""
    for share, bound in ((0.5, p50), (0.95, p95), (0.99, p99)):
        note = f"the generator itself was {run.late_ms(share):.2f} ms late"
        target = None if bound is None else at_most(bound)
        table.add(f"latency {name}, p{share * 100:.0f}", run.latency_ms(share), Unit.MILLISECONDS, target, note)


def _is_whole(answer: bytes, catalogue: Catalogue) -> bool:
    try:
        response = rpc.ListChallengesResponse.FromString(answer)
    except DecodeError:
        return False
    listed = [goal.goal_id for challenge in response.challenges for goal in challenge.goals]
    return listed == list(catalogue.goals)
