"""Latency of events while a duty prunes tallies of past periods, compared with the latency without it."""

from __future__ import annotations

from itertools import islice

from bench.database import connected, statement
from bench.events import MEASURED
from bench.figures import Table, Unit, at_most
from bench.load import Run
from bench.services import EVENT_HANDLER
from bench.tables.calls import add_medians, add_ratio
from bench.tables.events import RATE, REPORT, report_request
from bench.tables.schedules import give_periods, mostly_daily, scheduled
from bench.workbench import Setup, Workbench, calls_for
from shared.domain.instant import DAY
from shared.domain.schedules import DAILY
from shared.postgres.statements import text_array
from shared.runtime.clock import system_clock

OVER_DAYS = 30
"""Days after which a daily period is over for good, with time to spare."""

_FILL = statement("fill_past_days")
_COUNT = statement("past_days")
_HOLD = b"SELECT pg_advisory_lock(1667785068, 6)"
"""Takes the lock of the duty, so that it prunes nothing."""


def measure_pruning(bench: Workbench) -> Table:
    """Measure the latency of events while tallies are pruned compared with the same while none are."""
    table = Table(
        "pruning",
        "Events during the pruning of tallies",
        f"{bench.scale.pruned:,} tallies of past days; events at {RATE:g}/s, alternately without and with the duty, "
        "which begins when the handler starts.",
    )
    with bench.setup() as plain:
        setup = scheduled(bench, plain, "pruned", mostly_daily)
        give_periods(setup, setup.play.players, ())
        bench.say(f"pruning: storing {bench.scale.pruned:,} tallies")
        _fill(setup, bench.scale.pruned)
        before = _left(setup)
        pairs: list[tuple[Run, Run]] = []
        for _ in bench.rounds("pruning", bench.scale.rounds):
            with connected(setup.url) as holder:
                holder.execute(_HOLD)
                without = _report(bench, setup)
            pairs.append((_report(bench, setup), without))
        left = _left(setup)
    add_medians(table, "latency while pruning", pairs, _p95_ms, Unit.MILLISECONDS, "p95")
    add_ratio(table, "p95 latency, pruning relative to not pruning", pairs, _p95_ms, at_most(1.5))
    seconds = sum(run.played.interval_s for run, _ in pairs)
    table.add("tallies pruned", before - left, note=f"of {before:,}, in the runs of {seconds:.0f} s and their warm-ups")
    return table


def _p95_ms(run: Run) -> float:
    return run.latency_ms(0.95)


def _fill(setup: Setup, rows: int) -> None:
    players, codes = setup.play.players, [measured.stat.code for measured in MEASURED]
    days = max(1, rows // (len(players) * len(codes)))
    with connected(setup.url) as connection:
        connection.execute("SET statement_timeout = 0")
        _FILL.rows(connection, text_array(list(players)), text_array(codes), DAILY.text, _over(), days)
        connection.execute("VACUUM (ANALYZE) tally")
        # Otherwise the rows just stored are written to disk during the first rounds.
        connection.execute("CHECKPOINT")


def _over() -> int:
    """Return the instant before which periods are over for good."""
    return (system_clock() // DAY - OVER_DAYS) * DAY


def _left(setup: Setup) -> int:
    """Return the number of tallies that the duty has not pruned yet."""
    with connected(setup.url) as connection:
        connection.execute("SET statement_timeout = 0")
        return int(_COUNT.value(connection, DAILY.text, _over()))


def _report(bench: Workbench, setup: Setup) -> Run:
    with bench.service(EVENT_HANDLER, setup) as handler:
        events = list(islice(setup.play.events(system_clock()), calls_for(bench.scale.long_run, RATE)))
        run = bench.play_at(handler, REPORT, map(report_request, events), RATE, writes="floor_event")
        setup.play.undo([[event] for event in events[len(run.played.codes) :]])
        return run
