"""`ReportEvents`: 1,000 events a call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from challenge.v1 import event_service_pb2 as rpc

from bench.correctness import Reported, check_events, read_tallies, reported
from bench.database import connected
from bench.events import Play, message
from bench.figures import Table, Unit, at_least, at_most
from bench.load import POSTGRES, ClosedLoop, Run
from bench.ratios import ratio
from bench.samples import median
from bench.workplace import EVENT_HANDLER, Ground, Workplace, calls_for
from shared.domain.events import Event
from shared.operations.flush import apply_events
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

REPORT_BATCH = "challenge.v1.EventService/ReportEvents"
BATCH = 1_000
SATURATION = ClosedLoop(in_flight=4)
"""While the writer commits one or two batches, the next ones are read and the last ones answered."""
RATE_MAX = 40_000.0
"""More events than a handler takes: so many are prepared for a second."""

Batches = Sequence[Sequence[Event]]


class Alone(NamedTuple):
    """What the flush does without a server around it."""

    told: Reported
    rate: float
    """Events a second."""
    cpu_us: float
    """CPU time of this process for each event."""


def measure_batches(place: Workplace) -> Table:
    """Events a second from end to end, beside the same statements alone from one connection."""
    with place.ground() as ground, place.service(EVENT_HANDLER, ground.url, ground.catalogue_path) as handler:
        before = read_tallies(ground.url)
        sent: list[Batches] = []

        def through_handler() -> Run:
            sent.append(batches(ground.play, calls_for(place.terms.stretch, RATE_MAX / BATCH)))
            requests = map(batch_request, sent[-1])
            return place.play(handler, REPORT_BATCH, requests, SATURATION, keep_every=1)

        turns = place.in_turns("batches", through_handler, lambda: _alone(place, ground))
        table = Table(
            "batches",
            f"ReportEvents, {BATCH:,} events a call",
            f"{len(ground.play.players):,} players with history, distinct ids, rising values, and "
            f"{SATURATION.in_flight} calls in flight on {SATURATION.connections} connections; in turns with "
            f"`apply_events` in a loop on one connection, {BATCH:,} events a transaction.",
        )
        runs, alone = [run for run, _ in turns], [alone for _, alone in turns]
        told = [reported(run, calls, rpc.ReportEventsResponse) for run, calls in zip(runs, sent, strict=True)]
        rates = ratio([(run.rate * BATCH, alone.rate) for run, alone in turns])
        add_rates(table, runs)
        table.add("the same statements alone, one connection", median([one.rate for one in alone]), Unit.EVENTS_A_SECOND)
        table.add("rate beside these", rates.value, Unit.RATIO, at_least(0.7), str(rates))
        table.add("CPU per event, statements alone", median([one.cpu_us for one in alone]), Unit.MICROSECONDS)
        completing = sum(part.completions for part in told) / max(sum(len(part.applied) for part in told), 1)
        table.add("events that complete something", 100 * completing, Unit.PERCENT, at_most(1.0))
        table.check("failed calls", sum(run.failed for run in runs), runs[0].failures)
        check_events(table, ground.url, before, [*told, *(one.told for one in alone)])
        return table


def batches(play: Play, count: int) -> Batches:
    """So many batches of the events that come next."""
    events = play.events(system_clock())
    return [list(islice(events, BATCH)) for _ in range(count)]


def batch_request(events: Sequence[Event]) -> bytes:
    """The encoded call that reports these events."""
    return rpc.ReportEventsRequest(events=map(message, events)).SerializeToString()


def add_rates(table: Table, runs: Sequence[Run]) -> None:
    """How many events a second, and what each costs."""
    table.add("events from end to end", median([run.rate * BATCH for run in runs]), Unit.EVENTS_A_SECOND, at_least(15_000))
    table.add("CPU per event in the handler", median([run.cpu_us() / BATCH for run in runs]), Unit.MICROSECONDS, at_most(45))
    table.add("CPU per event in Postgres", median([run.cpu_us(POSTGRES) / BATCH for run in runs]), Unit.MICROSECONDS)


def _alone(place: Workplace, ground: Ground) -> Alone:
    stretch = place.terms.stretch
    prepared = batches(ground.play, calls_for(stretch, RATE_MAX / BATCH))
    applied: list[Event] = []
    completions = measured = 0
    with connected(ground.url) as connection:
        begin = time.monotonic() + stretch.warm_up_s
        started, cpu = begin, time.process_time()
        for events in prepared:
            if (now := time.monotonic()) >= begin + stretch.measured_s:
                break
            if now < begin:
                started, cpu, measured = now, time.process_time(), 0
            flushed = run_transaction(connection, lambda connection, events=events: apply_events(connection, ground.catalogue, events))
            applied += events
            measured += len(events)
            completions += sum(len(outcome.completions) for outcome in flushed.outcomes)
        elapsed, cpu = time.monotonic() - started, time.process_time() - cpu
    return Alone(Reported(applied, 0, [], completions), measured / elapsed, 1e6 * cpu / max(measured, 1))
