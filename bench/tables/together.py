"""Events and lists at the same time, on one database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from challenge.v1 import challenge_service_pb2
from challenge.v1 import event_service_pb2 as rpc

from bench.correctness import check_events, read_tallies, reported
from bench.events import message
from bench.figures import Table, Unit
from bench.load import POSTGRES, OpenLoop, Stretch
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.tables.calls import add_failures, add_latency
from bench.tables.events import RATE as EVENTS_RATE
from bench.tables.events import REPORT
from bench.tables.lists import LIST
from bench.tables.lists import RATE as LISTS_RATE
from bench.workplace import Workplace, calls_for, shuffled
from shared.runtime.clock import system_clock


def measure_together(place: Workplace) -> Table:
    """Latency of both at their rates, with the services on one core and Postgres and both generators on the other."""
    table = Table(
        "together",
        f"ReportEvent at {EVENTS_RATE:g}/s and ListChallenges at {LISTS_RATE:g}/s at the same time",
        f"{place.terms.players:,} players with history; both services with one worker each share a core, "
        "and to each run the service and the generator of the other are other things.",
    )
    # As long as all rounds of other tables together: in the full report the minute that the target speaks of.
    stretch = Stretch(place.terms.stretch.warm_up_s, place.terms.rounds * place.terms.seconds)
    with (
        place.ground() as ground,
        place.service(EVENT_HANDLER, ground.url, ground.catalogue_path) as handler,
        place.service(CHALLENGE_SERVICE, ground.url, ground.catalogue_path) as service,
        ThreadPoolExecutor(2) as generators,
    ):
        before = read_tallies(ground.url)
        sent = [[event] for event in islice(ground.play.events(system_clock()), calls_for(stretch, EVENTS_RATE))]
        reports = [rpc.ReportEventRequest(event=message(event)).SerializeToString() for (event,) in sent]
        lists = [
            challenge_service_pb2.ListChallengesRequest(user_id=player).SerializeToString()
            for player in shuffled(ground.play)
        ]
        place.say("events and lists together")
        reporting = generators.submit(
            place.play, handler, REPORT, reports, OpenLoop(rate=EVENTS_RATE), stretch, keep_every=1
        )
        listing = generators.submit(place.play, service, LIST, lists, OpenLoop(rate=LISTS_RATE), stretch, repeat=True)
        events_run, lists_run = reporting.result(), listing.result()
        add_latency(table, "of ReportEvent", events_run, p95=20.0)
        add_latency(table, "of ListChallenges", lists_run, p95=20.0)
        table.add("CPU per event in the handler", events_run.cpu_us(), Unit.MICROSECONDS)
        table.add("CPU per list in the service", lists_run.cpu_us(), Unit.MICROSECONDS)
        table.add("cores that Postgres took", events_run.played.cpu_s[POSTGRES] / events_run.played.interval_s)
        add_failures(table, [events_run, lists_run])
        check_events(table, ground.url, before, [reported(events_run, sent, rpc.ReportEventResponse)])
    return table
