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
from bench.workplace import Ground, Workplace, calls_for
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


def measure_pruning(place: Workplace) -> Table:
    """Measure the latency of events while tallies are pruned beside the same while none are."""
    table = Table(
        "pruning",
        "Events beside the pruning of tallies",
        f"{place.terms.pruned:,} tallies of past days; events at {RATE:g}/s, in turns without and with the duty, which "
        "begins when the handler starts.",
    )
    with place.ground() as plain:
        ground = scheduled(place, plain, "pruned", mostly_daily)
        give_periods(ground, ground.play.players, ())
        place.say(f"pruning: storing {place.terms.pruned:,} tallies")
        _fill(ground, place.terms.pruned)
        before = _left(ground)
        turns: list[tuple[Run, Run]] = []
        for _ in place.rounds("pruning", place.terms.rounds):
            with connected(ground.url) as holder:
                holder.execute(_HOLD)
                without = _report(place, ground)
            turns.append((_report(place, ground), without))
        left = _left(ground)
    add_medians(table, "latency while pruning", turns, _p95_ms, Unit.MILLISECONDS, "p95")
    add_ratio(table, "latency while pruning beside without, p95", turns, _p95_ms, at_most(1.5))
    seconds = sum(run.played.interval_s for run, _ in turns)
    table.add("tallies pruned", before - left, note=f"of {before:,}, in the runs of {seconds:.0f} s and their warm-ups")
    return table


def _p95_ms(run: Run) -> float:
    return run.latency_ms(0.95)


def _fill(ground: Ground, rows: int) -> None:
    players, codes = ground.play.players, [measured.stat.code for measured in MEASURED]
    days = max(1, rows // (len(players) * len(codes)))
    with connected(ground.url) as connection:
        connection.execute("SET statement_timeout = 0")
        _FILL.rows(connection, text_array(list(players)), text_array(codes), DAILY.text, _over(), days)
        connection.execute("VACUUM (ANALYZE) tally")
        # Otherwise the rows just stored are written to disk during the first rounds.
        connection.execute("CHECKPOINT")


def _over() -> int:
    """Return the instant before which periods are over for good."""
    return (system_clock() // DAY - OVER_DAYS) * DAY


def _left(ground: Ground) -> int:
    """Return the number of tallies that the duty has not pruned yet."""
    with connected(ground.url) as connection:
        connection.execute("SET statement_timeout = 0")
        return int(_COUNT.value(connection, DAILY.text, _over()))


def _report(place: Workplace, ground: Ground) -> Run:
    with place.service(EVENT_HANDLER, ground) as handler:
        events = list(islice(ground.play.events(system_clock()), calls_for(place.terms.stretch, RATE)))
        run = place.play_at(handler, REPORT, map(report_request, events), RATE, writes="floor_event")
        ground.play.take_back([[event] for event in events[len(run.played.codes) :]])
        return run
