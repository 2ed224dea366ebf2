"""`ReportEvents` and `StreamEvents`: 1,000 events a batch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from challenge.v1 import event_service_pb2 as rpc

from bench.correctness import Reported, Response, check_events, read_tallies, reported
from bench.database import connected, opened, statement, text
from bench.events import Play, message
from bench.figures import Table, Unit, at_least, at_most, number
from bench.load import POSTGRES, Run, median, ratio
from bench.services import EVENT_HANDLER, ServerProcess
from bench.workbench import Setup, Workbench, calls_for
from load_generator.plan import ClosedLoop
from shared.domain.catalogue import Catalogue
from shared.domain.events import Event
from shared.domain.grants import Granting
from shared.operations.events import flush
from shared.operations.events.apply_events import Applied, apply_events
from shared.operations.events.flush import Flush
from shared.postgres.connection import Connection
from shared.postgres.transaction import run_transaction
from shared.runtime.clock import system_clock

REPORT_BATCH = "challenge.v1.EventService/ReportEvents"
STREAM = "challenge.v1.EventService/StreamEvents"
BATCH = 1_000
SATURATION = ClosedLoop(in_flight=4)
"""While the writer commits one or two batches, the next ones are parsed and the last ones returned."""
STREAMING = ClosedLoop(in_flight=4, streams=2, connections=2)
RATE_MAX = 30_000.0
"""Events prepared per second, more than a handler takes."""

POISON = "poison"
POISON_ROUNDS = 7
POISON_PATIENCE_S = 10.0

_ROWS_WRITTEN = statement("rows_written")

Batches = Sequence[Sequence[Event]]


class WithoutServer(NamedTuple):
    """The flush without a server around it."""

    applied: list[Event]
    rate: float
    """Events per second."""
    cpu_us: float
    """CPU time of this process per event, in microseconds."""


class Round(NamedTuple):
    """The same game by calls, on streams, and without a server around it."""

    calls: Run
    streams: Run
    without_server: WithoutServer


def measure_batches(bench: Workbench) -> Table:
    """Measure events per second from end to end, compared with the same statements alone from one connection."""
    table = Table(
        "batches",
        f"ReportEvents and StreamEvents, {BATCH:,} events a batch",
        f"{bench.scale.players:,} players with history, distinct ids, rising values: about one goal's target is "
        f"crossed an event, but few of these goals are active. {SATURATION.in_flight} batches in flight, in calls on "
        f"{SATURATION.connections} connections, then on {STREAMING.streams} streams; alternating with `apply_events` "
        f"in a loop on one connection, {BATCH:,} events a transaction.",
    )
    with bench.setup() as setup:
        before, rows_before = read_tallies(setup.url), rows_written(setup.url)
        outcomes: list[Reported] = []
        with bench.service(EVENT_HANDLER, setup) as handler:

            def report(method: str, pace: ClosedLoop, response: Response) -> Run:
                run, outcome = report_batches(bench, handler, setup, method, pace, response)
                outcomes.append(outcome)
                return run

            rounds = [
                Round(
                    report(REPORT_BATCH, SATURATION, rpc.ReportEventsResponse),
                    report(STREAM, STREAMING, rpc.StreamEventsResponse),
                    _apply_without_server(bench, setup),
                )
                for _ in bench.rounds("batches", bench.scale.rounds)
            ]
        _add_rates(table, rounds)
        outcomes += [Reported(each.without_server.applied) for each in rounds]
        applied = sum(len(part.applied) for part in outcomes)
        # Only the handler's responses name completions, the statements alone do not.
        reported_events = sum(len(part.applied) for part in outcomes[: -len(rounds)])
        completing = sum(part.completing for part in outcomes) / max(reported_events, 1)
        table.add("events that complete something", 100 * completing, Unit.PERCENT, at_most(1.0))
        _add_rows(table, rows_before, rows_written(setup.url), applied)
        check_events(table, setup.url, before, outcomes)
        _add_poison(table, setup)
    return table


def report_batches(
    bench: Workbench,
    handler: ServerProcess,
    setup: Setup,
    method: str = REPORT_BATCH,
    pace: ClosedLoop = SATURATION,
    response: Response = rpc.ReportEventsResponse,
) -> tuple[Run, Reported]:
    """Report the next batches of the game for one short run; return what was measured, and the responses."""
    length = bench.scale.short_run
    sent = batches(setup.play, calls_for(length, RATE_MAX / BATCH))
    requests = (rpc.ReportEventsRequest(events=map(message, events)).SerializeToString() for events in sent)
    run = bench.play(handler, method, requests, pace, length, keep_every=1)
    setup.play.undo(sent[len(run.played.codes) :])
    return run, reported(run, sent, response)


def batches(play: Play, count: int) -> Batches:
    """Return batches of the next events."""
    events = play.events(system_clock())
    return [list(islice(events, BATCH)) for _ in range(count)]


def _add_rates(table: Table, rounds: Sequence[Round]) -> None:
    """Add events per second, and the cost of each."""
    for name, runs in (
        ("ReportEvents", [each.calls for each in rounds]),
        ("StreamEvents", [each.streams for each in rounds]),
    ):
        rates = ratio([(run.rate * BATCH, each.without_server.rate) for run, each in zip(runs, rounds, strict=True)])
        end_to_end = median([run.rate * BATCH for run in runs])
        in_handler = median([run.cpu_us() / BATCH for run in runs])
        in_postgres = median([run.cpu_us(POSTGRES) / BATCH for run in runs])
        table.add(f"{name}: events from end to end", end_to_end, Unit.EVENTS_A_SECOND, at_least(15_000))
        table.add(f"{name}: rate relative to the statements alone", rates.value, Unit.RATIO, at_least(0.7), str(rates))
        table.add(f"{name}: CPU per event in the handler", in_handler, Unit.MICROSECONDS, at_most(45))
        table.add(f"{name}: CPU per event in Postgres", in_postgres, Unit.MICROSECONDS)
    direct = [each.without_server for each in rounds]
    table.add("rate of the same statements alone", median([one.rate for one in direct]), Unit.EVENTS_A_SECOND)
    table.add("CPU per event of the statements alone", median([one.cpu_us for one in direct]), Unit.MICROSECONDS)


def rows_written(url: str) -> Mapping[str, int]:
    """Return the number of rows ever written, by table."""
    with connected(url) as connection:
        return dict(_ROWS_WRITTEN.rows(connection))


def _add_rows(table: Table, before: Mapping[str, int], after: Mapping[str, int], events: int) -> None:
    """Add the number of rows written per event."""
    for name, target, note in (
        ("event_seen", at_most(1.0), ""),
        ("tally", at_most(1.0), "events of one player and stat in one batch write it once"),
        ("completion", None, ""),
    ):
        written = (after.get(name, 0) - before.get(name, 0)) / max(events, 1)
        table.add(f"rows of {name} written per event", written, target=target, note=note)


def _add_poison(table: Table, setup: Setup) -> None:
    """Add the cost of an event that the database refuses to its batch."""
    # Each refusal is logged, and expected here.
    logging.getLogger(flush.__name__).setLevel(logging.ERROR)
    clean: list[float] = []
    poisoned: list[float] = []
    with connected(setup.url) as connection, opened(setup.url) as database:
        connection.execute(text("refuse_poison").encode())
        for number_of_round in range(POISON_ROUNDS):
            for times, poison in ((clean, ()), (poisoned, (BATCH // 3,))):
                events = list(batches(setup.play, 1)[0])
                for index in poison:
                    events[index] = events[index]._replace(user_id=POISON, event_id=str(number_of_round))
                started = time.monotonic()
                Flush(database, setup.catalogue, started + POISON_PATIENCE_S).run(events)
                times.append(1e3 * (time.monotonic() - started))
    more = median(poisoned) - median(clean)
    note = f"a batch without takes {number(median(clean))} ms"
    table.add("cost of a refused event to its batch", more, Unit.MILLISECONDS, at_most(100), note)


def _apply_without_server(bench: Workbench, setup: Setup) -> WithoutServer:
    """Apply the next events in this process, on the handler's core."""
    length = bench.scale.short_run
    prepared = batches(setup.play, calls_for(length, RATE_MAX / BATCH))
    with bench.on(bench.cores.server), connected(setup.url) as connection:
        warm = _apply_until(time.monotonic() + length.warm_up_s, connection, setup, prepared)
        started, cpu_s = time.monotonic(), time.process_time()
        measured = _apply_until(started + length.measured_s, connection, setup, prepared[warm:])
        elapsed_s, cpu_s = time.monotonic() - started, time.process_time() - cpu_s
    setup.play.undo(prepared[warm + measured :])
    applied = [event for events in prepared[: warm + measured] for event in events]
    return WithoutServer(applied, measured * BATCH / elapsed_s, 1e6 * cpu_s / max(measured * BATCH, 1))


def _flush(catalogue: Catalogue, events: Sequence[Event]) -> Callable[[Connection], Applied]:
    """Return the transaction that applies a batch."""
    return lambda connection: apply_events(connection, catalogue, events, Granting(system_clock()), expect_unseen=True)


def _apply_until(deadline: float, connection: Connection, setup: Setup, prepared: Batches) -> int:
    """Apply batches until a deadline in monotonic seconds; return how many."""
    for done, events in enumerate(prepared):
        if time.monotonic() >= deadline:
            return done
        run_transaction(connection, _flush(setup.catalogue, events))
    return len(prepared)
