"""`ReportEvents`: 1,000 events a call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from challenge.v1 import event_service_pb2 as rpc

from bench.correctness import Reported, check_events, read_tallies, reported
from bench.database import connected
from bench.events import LOGIN_SHARE, Play, message
from bench.figures import Table, Unit, at_least, at_most
from bench.load import POSTGRES, ClosedLoop, Run
from bench.ratios import ratio
from bench.samples import median
from bench.services import EVENT_HANDLER
from bench.tables.calls import add_failures
from bench.workplace import Ground, Workplace, calls_for
from shared.domain.events import Event
from shared.operations.flush import apply_events
from shared.postgres.connection import Connection
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

REPORT_BATCH = "challenge.v1.EventService/ReportEvents"
BATCH = 1_000
SATURATION = ClosedLoop(in_flight=4)
"""While the writer commits one or two batches, the next ones are read and the last ones answered."""
RATE_MAX = 30_000.0
"""More events than a handler takes: so many are prepared for a second."""

Batches = Sequence[Sequence[Event]]


class Alone(NamedTuple):
    """What the flush does without a server around it."""

    applied: list[Event]
    rate: float
    """Events a second."""
    cpu_us: float
    """CPU time of this process for each event."""


def measure_batches(place: Workplace) -> Table:
    """Events a second from end to end, beside the same statements alone from one connection."""
    table = Table(
        "batches",
        f"ReportEvents, {BATCH:,} events a call",
        f"{place.terms.players:,} players with history, distinct ids, rising values: about one goal's target is "
        f"crossed an event, but few of these goals are active. {SATURATION.in_flight} calls in flight on "
        f"{SATURATION.connections} connections; in turns with `apply_events` in a loop on one connection, {BATCH:,} "
        "events a transaction.",
    )
    with place.ground() as ground, place.service(EVENT_HANDLER, ground.url, ground.catalogue_path) as handler:
        before = read_tallies(ground.url)
        sent: list[Batches] = []

        def report() -> Run:
            sent.append(batches(ground.play, calls_for(place.terms.stretch, RATE_MAX / BATCH)))
            run = place.play(handler, REPORT_BATCH, map(batch_request, sent[-1]), SATURATION, keep_every=1)
            ground.play.take_back(sent[-1][len(run.played.codes) :])
            return run

        turns = place.in_turns("batches", report, lambda: _alone(place, ground))
        runs = [run for run, _ in turns]
        told = [reported(run, calls, rpc.ReportEventsResponse) for run, calls in zip(runs, sent, strict=True)]
        _add_rates(table, turns)
        completing = sum(part.completing for part in told) / max(sum(len(part.applied) for part in told), 1)
        table.add("events that complete something", 100 * completing, Unit.PERCENT, at_most(1.0))
        add_failures(table, runs)
        check_events(table, ground.url, before, [*told, *(Reported(one.applied) for _, one in turns)])
    return table


def batches(play: Play, count: int, login_share: float = LOGIN_SHARE) -> Batches:
    """So many batches of the events that come next."""
    events = play.events(system_clock(), login_share)
    return [list(islice(events, BATCH)) for _ in range(count)]


def batch_request(events: Sequence[Event]) -> bytes:
    """The encoded call that reports these events."""
    return rpc.ReportEventsRequest(events=map(message, events)).SerializeToString()


def _add_rates(table: Table, turns: Sequence[tuple[Run, Alone]]) -> None:
    """Add how many events a second, and what each costs."""
    rates = ratio([(run.rate * BATCH, alone.rate) for run, alone in turns])
    in_handler = median([run.cpu_us() / BATCH for run, _ in turns])
    in_postgres = median([run.cpu_us(POSTGRES) / BATCH for run, _ in turns])
    end_to_end = median([run.rate * BATCH for run, _ in turns])
    table.add("events from end to end", end_to_end, Unit.EVENTS_A_SECOND, at_least(15_000))
    table.add("rate of the same statements alone", median([alone.rate for _, alone in turns]), Unit.EVENTS_A_SECOND)
    table.add("rate beside the statements alone", rates.value, Unit.RATIO, at_least(0.7), str(rates))
    table.add("CPU per event in the handler", in_handler, Unit.MICROSECONDS, at_most(45))
    table.add("CPU per event of the statements alone", median([alone.cpu_us for _, alone in turns]), Unit.MICROSECONDS)
    table.add("CPU per event in Postgres", in_postgres, Unit.MICROSECONDS)


def _alone(place: Workplace, ground: Ground) -> Alone:
    """Apply the events that come next in this process, on the core that the handler has otherwise."""
    stretch = place.terms.stretch
    prepared = batches(ground.play, calls_for(stretch, RATE_MAX / BATCH))
    with place.on_the_servers_core(), connected(ground.url) as connection:
        warm = _apply_until(time.monotonic() + stretch.warm_up_s, connection, ground, prepared)
        started, cpu_s = time.monotonic(), time.process_time()
        measured = _apply_until(started + stretch.measured_s, connection, ground, prepared[warm:])
        elapsed_s, cpu_s = time.monotonic() - started, time.process_time() - cpu_s
    ground.play.take_back(prepared[warm + measured :])
    applied = [event for events in prepared[: warm + measured] for event in events]
    return Alone(applied, measured * BATCH / elapsed_s, 1e6 * cpu_s / max(measured * BATCH, 1))


def _apply_until(deadline: float, connection: Connection, ground: Ground, prepared: Batches) -> int:
    """Apply batches until a deadline in monotonic seconds; answers how many."""
    for done, events in enumerate(prepared):
        if time.monotonic() >= deadline:
            return done
        run_transaction(connection, partial(apply_events, catalogue=ground.catalogue, events=events))
    return len(prepared)
