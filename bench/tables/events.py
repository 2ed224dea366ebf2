"""`ReportEvent`: one event per call, acknowledged after its commit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from challenge.v1 import event_service_pb2 as rpc

from bench import services
from bench.correctness import check_events, read_tallies, reported
from bench.events import message
from bench.figures import Table, Unit, at_least
from bench.load import POSTGRES, Run, median, ratio
from bench.services import EVENT_HANDLER
from bench.tables.calls import add_failures, add_latency
from bench.workplace import Workplace, calls_for
from load_generator.plan import ClosedLoop, OpenLoop, Stretch
from shared.domain.events import Event
from shared.runtime.clock import system_clock

REPORT = "challenge.v1.EventService/ReportEvent"
RATE = 500.0
SATURATION = ClosedLoop(in_flight=32, connections=8)
"""As many calls as a worker handles at once."""
RATE_MAX = 6_000.0
"""Events prepared per second, more than a saturated handler takes."""

Calls = Sequence[Sequence[Event]]


def measure_events(place: Workplace) -> Table:
    """Measure how long an event takes to be durable, and events per core beside an empty handler."""
    table = Table(
        "events",
        "ReportEvent, acknowledged after COMMIT",
        f"{place.terms.players:,} players with history; a fifth logins, the rest rising values of four stats. "
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections, in turns with the "
        "empty handler.",
    )
    with (
        place.ground() as ground,
        place.running(services.service(EVENT_HANDLER, ground.url, ground.catalogue_path)) as handler,
    ):
        before = read_tallies(ground.url)
        sent: list[Calls] = []

        def report(pace: OpenLoop | ClosedLoop, stretch: Stretch, rate: float) -> Run:
            """Report the next events of the game, at most at this rate."""
            events = islice(ground.play.events(system_clock()), calls_for(stretch, rate))
            sent.append([[event] for event in events])
            run = place.play(handler, REPORT, map(_request, sent[-1]), pace, stretch, keep_every=1)
            ground.play.take_back(sent[-1][len(run.played.codes) :])
            return run

        place.say(f"events: open loop at {RATE:g}/s")
        steady = report(OpenLoop(rate=RATE), place.terms.stretch, RATE)
        empty_requests = [_request(call) for call in sent[0]]
        turn = place.terms.turn
        with place.running(services.empty_handler(steady.response_bytes, EVENT_HANDLER)) as empty:
            turns = place.in_turns(
                "events: saturated",
                lambda: report(SATURATION, turn, RATE_MAX),
                lambda: place.play(empty, REPORT, empty_requests, SATURATION, turn, repeat=True),
            )
        runs = [steady, *(run for run, _ in turns)]
        add_latency(table, f"at {RATE:g}/s", steady, p50=6.0, p95=12.0, p99=30.0)
        table.add(f"CPU per call at {RATE:g}/s", steady.cpu_us(), Unit.MICROSECONDS)
        _add_saturation(table, turns)
        add_failures(table, runs)
        told = [reported(run, calls, rpc.ReportEventResponse) for run, calls in zip(runs, sent, strict=True)]
        check_events(table, ground.url, before, told)
    return table


def _request(call: Sequence[Event]) -> bytes:
    return rpc.ReportEventRequest(event=message(call[0])).SerializeToString()


def _add_saturation(table: Table, turns: Sequence[tuple[Run, Run]]) -> None:
    """Add the capacity of a core beside that of the empty handler."""
    cores = ratio([(run.rate_per_core, empty.rate_per_core) for run, empty in turns])
    rates = ratio([(run.rate, empty.rate) for run, empty in turns])
    table.add("CPU per call, saturated", median([run.cpu_us() for run, _ in turns]), Unit.MICROSECONDS)
    table.add("CPU per call of the empty handler", median([empty.cpu_us() for _, empty in turns]), Unit.MICROSECONDS)
    in_postgres = median([run.cpu_us(POSTGRES) for run, _ in turns])
    table.add("CPU of Postgres per call, saturated", in_postgres, Unit.MICROSECONDS)
    aim = f"aim 0.5; {cores}"
    table.add("calls per core-second beside the empty handler", cores.value, Unit.RATIO, at_least(0.38), aim)
    table.add("rate, saturated", median([run.rate for run, _ in turns]), Unit.CALLS_A_SECOND)
    table.add("rate of the empty handler", median([empty.rate for _, empty in turns]), Unit.CALLS_A_SECOND)
    table.add("rate beside the empty handler", rates.value, Unit.RATIO, note=str(rates))
