"""`ListChallenges`: all 500 goals of players with a history."""

from __future__ import annotations

from collections.abc import Sequence

from challenge.v1 import challenge_service_pb2 as rpc

from bench import services
from bench.correctness import is_whole
from bench.figures import Table, Unit, at_least, at_most
from bench.load import POSTGRES, Run
from bench.samples import median, ratio
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import add_failures, add_latency
from bench.workplace import Workplace, shuffled
from load_generator.plan import ClosedLoop, OpenLoop

LIST = "challenge.v1.ChallengeService/ListChallenges"
RATE = 300.0
SATURATION = ClosedLoop(in_flight=16)
KEEP_EVERY = 20
"""Lists of 50 KB that are kept of a saturated run; of the open loop all are kept."""


def measure_lists(place: Workplace) -> Table:
    """Measure CPU and rate beside an empty handler that returns as many bytes, and latency at a fixed rate."""
    table = Table(
        "lists",
        "ListChallenges, all goals of the load catalogue",
        f"{place.terms.players:,} players with history, in random order. Saturated: {SATURATION.in_flight} calls in "
        f"flight on {SATURATION.connections} connections, in turns with the empty handler.",
    )
    with (
        place.ground() as ground,
        place.running(services.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path)) as service,
    ):
        requests = [rpc.ListChallengesRequest(user_id=player).SerializeToString() for player in shuffled(ground.play)]
        place.say(f"lists: open loop at {RATE:g}/s")
        steady = place.play(service, LIST, requests, OpenLoop(rate=RATE), repeat=True, keep_every=1)
        turn = place.terms.turn
        with place.running(services.empty_handler(steady.response_bytes)) as empty:
            turns = place.in_turns(
                "lists: saturated",
                lambda: place.play(service, LIST, requests, SATURATION, turn, repeat=True, keep_every=KEEP_EVERY),
                lambda: place.play(empty, LIST, requests, SATURATION, turn, repeat=True),
            )
    _add_saturation(table, turns)
    table.add("length of a response", steady.response_bytes, Unit.BYTES)
    add_latency(table, f"at {RATE:g}/s", steady, p50=3.0, p95=8.0)
    runs = [steady, *(run for run, _ in turns)]
    add_failures(table, runs)
    kept = [response for run in runs for response in run.responses.values()]
    broken = sum(not is_whole(response, ground.catalogue) for response in kept)
    table.check("incomplete lists", broken, f"of {len(kept):,} that were kept")
    return table


def _add_saturation(table: Table, turns: Sequence[tuple[Run, Run]]) -> None:
    """Add the capacity of a core beside that of the empty handler."""
    cpu = ratio([(run.cpu_us(), empty.cpu_us()) for run, empty in turns])
    rate = ratio([(run.rate, empty.rate) for run, empty in turns])
    table.add("CPU per call", median([run.cpu_us() for run, _ in turns]), Unit.MICROSECONDS)
    table.add("CPU per call of the empty handler", median([empty.cpu_us() for _, empty in turns]), Unit.MICROSECONDS)
    table.add("CPU beside the empty handler", cpu.value, Unit.RATIO, at_most(2.0), str(cpu))
    table.add("CPU of Postgres per call", median([run.cpu_us(POSTGRES) for run, _ in turns]), Unit.MICROSECONDS)
    table.add("rate, saturated", median([run.rate for run, _ in turns]), Unit.CALLS_A_SECOND, note="aim 2,000")
    table.add("rate of the empty handler", median([empty.rate for _, empty in turns]), Unit.CALLS_A_SECOND)
    table.add("rate beside the empty handler", rate.value, Unit.RATIO, at_least(0.5), str(rate))
