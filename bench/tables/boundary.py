"""Latency in the second after the start of a period, compared with the second before it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from bench.figures import Table, Unit, at_most, quotient
from bench.load import Run, percentile
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.tables.events import REPORT, report_request
from bench.tables.lists import LIST, list_request
from bench.tables.schedules import give_periods, mostly_daily, scheduled
from bench.workbench import Setup, Workbench
from load_generator.plan import OpenLoop, RunLength
from shared.domain.instant import MINUTE, SECOND, Instant, Microseconds
from shared.runtime.clock import system_clock

LISTS, EVENTS = 300, 500
"""Calls per second of each kind."""
RATE = LISTS + EVENTS
BEFORE_S, AFTER_S = 6.0, 4.0
"""Seconds of calls before and after the boundary."""
PREPARE: Microseconds = 40 * SECOND
"""Minimum time before the boundary, in microseconds, for copying a database and starting services."""
METHODS = [(0, LIST), (1, REPORT)]
KINDS = {"lists": 0, "events": 1}


class BeforeAndAfter(NamedTuple):
    """Latencies of one kind of call in the seconds before and after a boundary, in microseconds."""

    before: list[int]
    after: list[int]


def measure_boundary(bench: Workbench) -> Table:
    """Measure lists and events around the start of a daily period for 250 of 500 goals."""
    table = Table(
        "boundary",
        "The second after a period has started",
        f"{LISTS} lists/s and {EVENTS} events/s; after {BEFORE_S:g} s a day begins for 250 of the 500 goals. Both "
        "services on one core. The seconds of all rounds together. A player's first value in a day completes goals by "
        "the dozen, as rising values do in no game of daily goals.",
    )
    latencies = {kind: BeforeAndAfter([], []) for kind in KINDS}
    for _ in bench.rounds("boundary", bench.scale.rounds):
        run, offset_s = _play(bench)
        middle = round(offset_s * RATE)
        for kind, number in KINDS.items():
            latencies[kind].before.extend(_latencies(run, number, middle - RATE, middle))
            latencies[kind].after.extend(_latencies(run, number, middle, middle + RATE))
    for kind, (before, after) in latencies.items():
        first, second = percentile(before, 0.95) / 1e3, percentile(after, 0.95) / 1e3
        note = f"{second:.1f} to {first:.1f} ms; the longest {max(after) / 1e3:.0f} and {max(before) / 1e3:.0f} ms"
        table.add(
            f"p95 latency of {kind}, second after relative to second before",
            quotient(second, first),
            Unit.RATIO,
            at_most(1.5),
            note,
        )
    return table


def _latencies(run: Run, method: int, first: int, last: int) -> list[int]:
    """Return the latencies in microseconds of one method's calls among the calls from `first` to before `last`."""
    played = run.played
    return [played.latencies_us[n] for n in range(first, last) if played.methods[n] == method]


def _play(bench: Workbench) -> tuple[Run, float]:
    """Return the run, and the seconds from its beginning to the boundary."""
    boundary = (system_clock() + PREPARE) // MINUTE * MINUTE + MINUTE
    hour, minute = divmod(boundary // MINUTE % 1_440, 60)
    with bench.setup() as plain:
        setup = scheduled(bench, plain, f"boundary-{hour:02}-{minute:02}", mostly_daily, at=f"{hour:02}:{minute:02}")
        give_periods(setup, setup.play.players, ())
        with (
            bench.service(CHALLENGE_SERVICE, setup) as lists,
            bench.service(EVENT_HANDLER, setup) as events,
        ):
            begin = boundary - int(BEFORE_S * SECOND)
            length = RunLength(1.0, BEFORE_S + AFTER_S - 1.0)
            requests = list(islice(_requests(setup, setup.play.shuffled(), begin), int((BEFORE_S + AFTER_S) * RATE)))
            time.sleep(max(0, begin - system_clock()) / SECOND)
            began = system_clock()
            servers = {CHALLENGE_SERVICE: lists, EVENT_HANDLER: events}
            run = bench.play_mix(
                servers, METHODS, requests, OpenLoop(rate=RATE, connections=8), length, keep_every=[0, 0]
            )
            return run, (boundary - began) / SECOND


def _requests(setup: Setup, players: Sequence[str], begin: Instant) -> Iterator[tuple[int, bytes]]:
    """Yield three lists and five events alternately, each event at the time when it is due."""
    events = setup.play.events(begin)
    number = 0
    while True:
        for kind in (1, 0, 1, 0, 1, 1, 0, 1):
            if kind == 0:
                yield 0, list_request(players[number % len(players)])
            else:
                event = next(events)._replace(time=begin + number * SECOND // RATE)
                yield 1, report_request(event)
            number += 1
