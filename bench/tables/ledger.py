"""Whether events cost the same when the ledger remembers ten million of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from bench.database import connected
from bench.figures import Table, Unit, at_least
from bench.load import Run
from bench.ratios import ratio
from bench.samples import median
from bench.services import EVENT_HANDLER
from bench.statements import statement
from bench.tables.batches import BATCH, RATE_MAX, REPORT_BATCH, SATURATION, batch_request, batches
from bench.tables.calls import add_failures
from bench.workplace import Ground, Workplace, calls_for
from shared.domain.instant import day_of
from shared.postgres.arrays import text_array
from shared.runtime.clock import system_clock

ROWS = 10_000_000
AT_ONCE = 500
"""Players whose events are stored in one statement."""

_FILL = statement("fill_ledger")


def measure_ledger(place: Workplace) -> Table:
    """Throughput with a full ledger beside that with an empty one, in turns."""
    table = Table(
        "ledger",
        f"Events, by how many the ledger remembers: {ROWS:,} of today, or those of a history",
        f"ReportEvents with {BATCH:,} events a call; {place.terms.players:,} players with history; two handlers on two "
        "databases, in turns.",
    )
    with ExitStack() as running:
        turns = place.in_turns("ledger", _reporting(place, running, ROWS), _reporting(place, running, 0))
    throughput = ratio([(full.rate, empty.rate) for full, empty in turns])
    table.add("with a full ledger", median([run.rate * BATCH for run, _ in turns]), Unit.EVENTS_A_SECOND)
    table.add("with an empty one", median([run.rate * BATCH for _, run in turns]), Unit.EVENTS_A_SECOND)
    table.add("throughput beside an empty one", throughput.value, Unit.RATIO, at_least(0.8), str(throughput))
    add_failures(table, [run for pair in turns for run in pair])
    return table


def _reporting(place: Workplace, running: ExitStack, rows: int) -> Callable[[], Run]:
    """Start a handler whose ledger has so many rows more than the history; answers how to measure it."""
    ground = running.enter_context(place.ground())
    if rows:
        place.say(f"filling the ledger with {rows:,} rows")
        _fill(ground, rows)
    handler = running.enter_context(place.service(EVENT_HANDLER, ground.url, ground.catalogue_path))

    def measure() -> Run:
        stretch = place.terms.turn
        calls = batches(ground.play, calls_for(stretch, RATE_MAX / BATCH))
        run = place.play(handler, REPORT_BATCH, map(batch_request, calls), SATURATION, stretch)
        ground.play.take_back(calls[len(run.played.codes) :])
        return run

    return measure


def _fill(ground: Ground, rows: int) -> None:
    players = sorted(ground.play.players)
    today = day_of(system_clock())
    with connected(ground.url) as connection:
        connection.execute("SET statement_timeout = 0")
        for first in range(0, len(players), AT_ONCE):
            some = players[first : first + AT_ONCE]
            _FILL.rows(connection, today, text_array(some), rows // len(players))
        connection.execute("VACUUM (ANALYZE) event_seen")
