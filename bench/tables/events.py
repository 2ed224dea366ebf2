"""`ReportEvent`: one event per call, acknowledged after its commit."""

from __future__ import annotations

from itertools import islice

from challenge.v1 import event_service_pb2 as rpc

from bench import services
from bench.correctness import Reported, check_events, read_tallies, reported
from bench.events import message
from bench.figures import Table, at_least, at_most
from bench.load import Run
from bench.services import EVENT_HANDLER
from bench.tables.calls import add_calls, add_saturated
from bench.workbench import Workbench, calls_for
from load_generator.plan import ClosedLoop, OpenLoop, RunLength
from shared.domain.events import Event
from shared.runtime.clock import system_clock

REPORT = "challenge.v1.EventService/ReportEvent"
ALONE = "one at a time"
RATE = 500.0
PACES: tuple[tuple[str, OpenLoop | ClosedLoop, float], ...] = (
    (ALONE, ClosedLoop(in_flight=1, connections=1), 2_000.0),
    *((f"at {rate:g}/s", OpenLoop(rate=rate), rate) for rate in (100.0, RATE)),
)
"""Each with its greatest rate."""
SATURATION = ClosedLoop(in_flight=32, connections=8)
"""As many calls as a worker handles at once."""
RATE_MAX = 6_000.0
"""Events prepared per second, more than a saturated handler takes."""


def measure_events(bench: Workbench) -> Table:
    """Measure how long an event takes to be durable, and events per core compared with an empty handler."""
    table = Table(
        "events",
        "ReportEvent, acknowledged after COMMIT",
        f"{bench.scale.players:,} players with history; a fifth logins, the rest rising values of four stats. "
        f"Saturated: {SATURATION.in_flight} calls in flight on {SATURATION.connections} connections, alternating with "
        "the empty handler.",
    )
    with bench.setup() as setup, bench.service(EVENT_HANDLER, setup) as handler:
        before = read_tallies(setup.url)
        outcomes: list[Reported] = []

        def report(pace: OpenLoop | ClosedLoop, length: RunLength, rate: float) -> Run:
            """Report the next events of the game, at most at this rate."""
            events = list(islice(setup.play.events(system_clock()), calls_for(length, rate)))
            run = bench.play(handler, REPORT, map(report_request, events), pace, length, keep_every=1)
            calls = [[event] for event in events]
            setup.play.undo(calls[len(run.played.codes) :])
            outcomes.append(reported(run, calls, rpc.ReportEventResponse))
            return run

        steady: dict[str, Run] = {}
        for name, pace, rate in PACES:
            bench.say(f"events: {name}")
            steady[name] = run = report(pace, bench.scale.long_run, rate)
            empty_requests = list(map(report_request, outcomes[-1].applied))
            bench.play_floor(run, handler, REPORT, empty_requests, pace, "floor_event")
        length = bench.scale.short_run
        with bench.running(services.empty_handler(run.response_bytes, EVENT_HANDLER)) as empty:
            pairs = bench.alternating(
                "events: saturated",
                lambda: report(SATURATION, length, RATE_MAX),
                lambda: bench.play(empty, REPORT, empty_requests, SATURATION, length, repeat=True),
            )
        for name, run in steady.items():
            add_calls(table, name, run, p50=6.0, p95=12.0, p99=30.0, floor_p50=at_most(1.5 if name == ALONE else 2.0))
        add_saturated(table, pairs, per_core=at_least(0.38), aim="aim 0.5; ")
        check_events(table, setup.url, before, outcomes)
    return table


def report_request(event: Event) -> bytes:
    """Return the encoded call that reports an event."""
    return rpc.ReportEventRequest(event=message(event)).SerializeToString()
