"""`ReportEvent`: one event a call, answered after its commit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from challenge.v1 import event_service_pb2 as rpc

from bench.correctness import check_events, read_tallies, reported
from bench.events import message
from bench.figures import Table, Unit, at_least
from bench.load import POSTGRES, ClosedLoop, OpenLoop, Run, Stretch
from bench.ratios import ratio
from bench.samples import median
from bench.tables.lists import add_latency
from bench.workplace import EVENT_HANDLER, Ground, Workplace, calls_for
from shared.domain.events import Event
from shared.runtime.clock import system_clock

REPORT = "challenge.v1.EventService/ReportEvent"
RATE = 500.0
SATURATION = ClosedLoop(in_flight=32, connections=8)
"""As many calls as a worker works on at once."""
RATE_MAX = 6_000.0
"""More than a saturated handler takes: so many events are prepared for a second."""


def measure_events(place: Workplace) -> Table:
    """How long an event takes to be durable, and how many a core takes beside an empty handler."""
    with place.ground() as ground, place.service(EVENT_HANDLER, ground.url, ground.catalogue_path) as handler:
        before = read_tallies(ground.url)
        place.say(f"events: open loop at {RATE:g}/s")
        steady_events = _calls(ground, place.terms.stretch, RATE)
        steady = place.play(handler, REPORT, map(_request, steady_events), OpenLoop(rate=RATE), keep_every=1)
        saturated_events: list[Sequence[Sequence[Event]]] = []

        def saturate() -> Run:
            saturated_events.append(_calls(ground, place.terms.turn, RATE_MAX))
            requests = map(_request, saturated_events[-1])
            return place.play(handler, REPORT, requests, SATURATION, place.terms.turn, keep_every=1)

        with place.bare(steady.answer_bytes) as empty:
            requests = [_request(call) for call in steady_events]
            turns = place.in_turns(
                "events: saturated",
                saturate,
                lambda: place.play(empty, REPORT, requests, SATURATION, place.terms.turn, repeat=True),
            )
        table = Table(
            "events",
            "ReportEvent, acknowledged after COMMIT",
            f"{len(ground.play.players):,} players with history; a fifth logins, the rest rising values of four stats. "
            f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections, in turns with "
            "the empty handler; Postgres and the generator share the other cores.",
        )
        runs = [run for run, _ in turns]
        cores = ratio([(run.rate_per_core, empty.rate_per_core) for run, empty in turns])
        rates = ratio([(run.rate, empty.rate) for run, empty in turns])
        add_latency(table, f"at {RATE:g}/s", steady, p50=6.0, p95=12.0, p99=30.0)
        table.add(f"CPU per call at {RATE:g}/s", steady.cpu_us(), Unit.MICROSECONDS)
        table.add("CPU per call, saturated", median([run.cpu_us() for run in runs]), Unit.MICROSECONDS)
        table.add("CPU of Postgres per call, saturated", median([run.cpu_us(POSTGRES) for run in runs]), Unit.MICROSECONDS)
        table.add("rate, saturated", median([run.rate for run in runs]), Unit.CALLS_A_SECOND)
        table.add("that of the empty handler", median([empty.rate for _, empty in turns]), Unit.CALLS_A_SECOND)
        table.add("calls per core-second beside the empty handler", cores.value, Unit.RATIO, at_least(0.38), f"aim 0.5; {cores}")
        table.add("rate beside the empty handler", rates.value, Unit.RATIO, note=str(rates))
        table.check("failed calls", steady.failed + sum(run.failed for run in runs), steady.failures or runs[0].failures)
        told = [
            reported(run, calls, rpc.ReportEventResponse)
            for run, calls in ((steady, steady_events), *zip(runs, saturated_events, strict=True))
        ]
        check_events(table, ground.url, before, told)
        return table


def _calls(ground: Ground, stretch: Stretch, rate: float) -> list[list[Event]]:
    """Enough calls of one event each for a run at this rate."""
    return [[event] for event in islice(ground.play.events(system_clock()), calls_for(stretch, rate))]


def _request(call: Sequence[Event]) -> bytes:
    return rpc.ReportEventRequest(event=message(call[0])).SerializeToString()
